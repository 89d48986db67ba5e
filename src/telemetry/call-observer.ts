/**
 * What the API layer tells about its calls, so that metrics can be made of it. Knows nothing of gRPC libraries or of
 * Prometheus. Implementations must be quick and must not throw: they run within every call.
 */

/** Gets every call's beginning and end, and connections that were turned away. */
export interface CallObserver {
  /** A call arrived. `method` is its full name, for example "graveyar.v1.EventStore/AppendEvent". */
  callStarted(method: string): void;
  /** It ended. `code` is the canonical gRPC code (0 is OK); a caller that went away counts as 1, CANCELLED. */
  callFinished(method: string, code: number, millis: number): void;
  /** A message of a session was answered; sessions are one call with many of them. */
  sessionAppendFinished(code: number, millis: number): void;
  /** A connection was refused because there were too many. */
  connectionRefused(): void;
}

/** Observes nothing. */
export const noCallObserver: CallObserver = {
  callStarted: () => undefined,
  callFinished: () => undefined,
  sessionAppendFinished: () => undefined,
  connectionRefused: () => undefined,
};
