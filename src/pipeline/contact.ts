/**
 * Whether this process is in touch with the rest of what it serves a part of, as a port: who finds it out is outside. Knows nothing
 * of leaders.
 */
import { StoreError } from '../domain/errors.ts';

/**
 * `doubtful`: nobody was known to tell what is newest for longer than it takes to agree on somebody, so that there is no use in waiting.
 * `lost`: for so long that clients are better off elsewhere, whatever they ask for.
 */
export type ContactState = 'in-touch' | 'doubtful' | 'lost';

export interface Contact {
  readonly state: ContactState;
  /** Calls `listener` after every change of the state. Returns how to stop that. */
  onChange(listener: () => void): () => void;
}

/** Of a store that is all here. */
export const alwaysInTouch: Contact = { state: 'in-touch', onChange: () => () => undefined };

/** What whoever needs the others is told. Another member may be asked at once, this one again later. */
export function outOfTouch(what: string): StoreError<'NOT_SERVING'> {
  const reason = 'this member knows no leader';
  return new StoreError('NOT_SERVING', `${reason}, so ${what}: ask another member, or try again later`, { reason });
}
