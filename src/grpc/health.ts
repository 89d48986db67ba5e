/**
 * The standard health service (grpc.health.v1): whether the server takes calls. Watchers get every change in order, and their
 * calls end when the server stops.
 */
import { status as Code } from '@grpc/grpc-js';
import { limits } from '../domain/limits.ts';
import { validateText } from '../domain/validate-text.ts';
import {
  HealthCheckRequest,
  HealthCheckResponse,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from './gen/grpc/health/v1/health.ts';
import { decodeRequest } from './request-reader.ts';
import { ProtocolError } from './status.ts';

/** The service named by an empty string is the server as a whole. */
const wholeServer = '';

/** The state of a server's services, which are all in the same. */
export class Health {
  readonly #services: ReadonlySet<string>;
  readonly #watchers = new Set<() => void>();
  #status: ServingStatus = ServingStatus.NOT_SERVING;

  /** `services` are the full names of the services that can be asked about. Not serving at first. */
  constructor(services: readonly string[]) {
    this.#services = new Set([wholeServer, ...services]);
  }

  /** Changes the state, and tells the watchers. */
  setServing(serving: boolean): void {
    this.#status = serving ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
    for (const wake of [...this.#watchers]) wake();
  }

  /** The state of a service. Throws NOT_FOUND for one that is not here, as the protocol asks. */
  check(service: string): ServingStatus {
    if (this.#services.has(service)) return this.#status;
    throw new ProtocolError(Code.NOT_FOUND, `there is no service "${service}"`);
  }

  /** The state of a service now and at every change. Rejects with the signal's reason. */
  async *watch(service: string, signal: AbortSignal): AsyncGenerator<ServingStatus, void, undefined> {
    let last: ServingStatus | null = null;
    while (!signal.aborted) {
      const status = this.#services.has(service) ? this.#status : ServingStatus.SERVICE_UNKNOWN;
      if (status === last) {
        await this.#change(signal);
      } else {
        last = status;
        yield status;
      }
    }
    throw signal.reason;
  }

  /** Resolves at the next change, or when the signal is aborted. */
  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#watchers.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#watchers.add(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }
}

/** The service a HealthCheckRequest message asks about. Throws INVALID_ARGUMENT. */
export function readHealthRequest(message: Uint8Array): string {
  const { service } = decodeRequest(HealthCheckRequest, message);
  validateText(service, 0, limits.streamIdBytes, () => 'service');
  return service;
}

/** The HealthCheckResponse message. */
export function encodeHealth(status: ServingStatus): Uint8Array {
  return HealthCheckResponse.encode({ status }).finish();
}
