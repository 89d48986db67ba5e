/**
 * The answer to whoever asked the wrong member.
 */
import { StoreError } from '../domain/errors.ts';
import type { LeaderHint } from './cluster-admin.ts';

/** NOT_LEADER that says where to go. */
export function notLeader({ leaderId, endpoint }: LeaderHint): StoreError<'NOT_LEADER'> {
  const where = leaderId === null ? 'no leader is known' : `member ${leaderId} leads`;
  const message = `this member does not lead: ${where}${endpoint === null ? '' : `, at ${endpoint}`}; nothing was done`;
  return new StoreError('NOT_LEADER', message, {
    leaderId: leaderId === null ? null : String(leaderId),
    endpoint,
  });
}
