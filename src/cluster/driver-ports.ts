/**
 * What a driver is made of, and who gets what it has for others. Shapes only.
 */
import type { Clock } from '../lib/clock.ts';
import type { Message } from '../raft/messages.ts';
import type { EventState } from '../storage/event-state/event-state.ts';
import type { RaftLog } from '../storage/raft-log/raft-log.ts';
import type { ClusterObserver } from '../telemetry/cluster-observer.ts';
import type { Configuration } from './configuration.ts';
import type { DriverSettings } from './driver-settings.ts';

export interface DriverParts {
  readonly id: number;
  readonly log: RaftLog;
  readonly state: EventState;
  /** As of the state's applied index. */
  readonly configuration: Configuration;
  readonly settings: DriverSettings;
  readonly clock: Clock;
  readonly random: () => number;
  readonly observer: ClusterObserver;
}

/** Who gets what the driver has for others. Must not throw. */
export interface DriverHost {
  /** In this order for each peer. Without MsgSnap. */
  send(messages: readonly Message[]): void;
  sendSnapshot(message: Message): void;
  /** A configuration is in force, and about to be durable in the state. */
  configured(configuration: Configuration): void;
  /** Role, term or leader changed. */
  changed(): void;
  /** Entries were applied. */
  applied(): void;
  /** Makes the snapshot's cluster this member's, durably, before anything of it counts. */
  joinCluster(clusterId: string): Promise<void>;
  /** Final. */
  failed(error: unknown): void;
}
