/**
 * What all machines of a run share. Only shapes, so that machines and processes need not know the simulation.
 */
import type { Message } from '../../src/raft/messages.ts';
import type { History, Witness } from './history.ts';
import type { Profile } from './profile.ts';
import type { Scheduler } from './scheduler.ts';
import type { Trace } from './trace.ts';

export interface World {
  readonly profile: Profile;
  readonly scheduler: Scheduler;
  readonly trace: Trace;
  readonly history: History;
  /** Sends a message over the network. */
  send(message: Message): void;
  /** All machines, for checks that need the whole cluster. */
  witnesses(): readonly Witness[];
  /** A promise was broken: the run ends. */
  violated(error: unknown): void;
}
