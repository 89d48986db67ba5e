/**
 * From the status of a failed call back to the store's error: for calls that a member makes to another one. The other way round
 * is in status.ts.
 */
import { status as Code } from '@grpc/grpc-js';
import type { ServiceError } from '@grpc/grpc-js';
import { StoreError } from '../domain/errors.ts';
import { Status } from './gen/google/rpc/status.ts';
import { ErrorInfo } from './gen/graveyar/v1/errors.ts';

/** The error that another member answered with; NOT_SERVING for one that could not be reached. */
export function storeErrorOf(error: ServiceError): StoreError {
  const message = error.details === '' ? error.message : error.details;
  const info = infoOf(error);
  switch (info?.code) {
    case 'NOT_LEADER': {
      const known = info.details?.$case === 'notLeader' ? info.details.notLeader : { leaderId: '', endpoint: '' };
      return new StoreError('NOT_LEADER', message, {
        leaderId: known.leaderId === '' ? null : known.leaderId,
        endpoint: known.endpoint === '' ? null : known.endpoint,
      });
    }
    case 'MEMBERSHIP_REFUSED':
      return new StoreError('MEMBERSHIP_REFUSED', message, { reason: message });
    case 'OUTCOME_UNKNOWN':
      return new StoreError('OUTCOME_UNKNOWN', message, { reason: message });
    case 'OVERLOADED': {
      const { queue, limit } = info.details?.$case === 'overloaded' ? info.details.overloaded : { queue: '', limit: 0 };
      return new StoreError('OVERLOADED', message, { queue, limit });
    }
    default:
  }
  if (error.code === Code.DEADLINE_EXCEEDED) return new StoreError('DEADLINE_EXCEEDED', message, { reason: message });
  return new StoreError('NOT_SERVING', message, { reason: message });
}

/** The typed details of a failed call, null when there are none that can be read. */
export function infoOf(error: ServiceError): ErrorInfo | null {
  const [bytes] = error.metadata.get('grpc-status-details-bin');
  if (!(bytes instanceof Uint8Array)) return null;
  try {
    const any = Status.decode(bytes).details.find(({ typeUrl }) => typeUrl.endsWith('/graveyar.v1.ErrorInfo'));
    return any === undefined ? null : ErrorInfo.decode(any.value);
  } catch {
    // Details that cannot be read are as good as none.
    return null;
  }
}
