/**
 * Takes a snapshot that another member sends: its records go into the state ahead of the log, then the message goes to the core.
 *
 * Invariants: one transfer at a time, the one that began last, as its sender may lead while that of an earlier one is gone; a chunk is
 * applied only when its checksum, its events and its positions are right; the message reaches the core only when every record below the
 * snapshot's end is durable, so that the log may be replaced by it. What was taken stays when a transfer ends early: it is committed data.
 */
import { StoreError } from '../domain/errors.ts';
import type { Message } from '../raft/messages.ts';
import { checksum } from '../storage/checksum.ts';
import { corruption } from '../storage/corruption.ts';
import type { EventState } from '../storage/event-state/event-state.ts';
import { decodeGroup } from '../storage/group.ts';
import type { ClusterObserver } from '../telemetry/cluster-observer.ts';
import { decodeSnapshotFacts } from './configuration.ts';
import type { StateApplier } from './state-applier.ts';
import type { SnapshotChunk, SnapshotReceiver } from './transport.ts';

export class SnapshotReception {
  readonly #state: EventState;
  readonly #applier: StateApplier;
  readonly #observer: ClusterObserver;
  readonly #deliver: (message: Message) => void;
  #current: SnapshotReceiver | null = null;

  /** @param deliver Hands a MsgSnap, whose records are here, to the core. */
  constructor(
    parts: { readonly state: EventState; readonly applier: StateApplier; readonly observer: ClusterObserver },
    deliver: (message: Message) => void,
  ) {
    this.#state = parts.state;
    this.#applier = parts.applier;
    this.#observer = parts.observer;
    this.#deliver = deliver;
  }

  /** See TransportHandler.beginSnapshot. */
  begin(message: Message): SnapshotReceiver {
    this.#current?.abort('another transfer begins');
    const end = decodeSnapshotFacts(message.snapshot?.data ?? new Uint8Array(0)).nextPosition;
    const begin = this.#applier.appliedEnd;
    const finish = (outcome: 'completed' | 'failed'): void => {
      if (this.#current !== receiver) return;
      this.#current = null;
      this.#observer.snapshotTransferred('received', outcome, this.#applier.appliedEnd - begin);
    };
    const receiver: SnapshotReceiver = {
      nextPosition: begin,
      take: async (chunk) => {
        this.#assertCurrent(receiver);
        return this.#take(chunk);
      },
      complete: async () => {
        this.#assertCurrent(receiver);
        if (this.#applier.appliedEnd < end) {
          throw corruption('a snapshot', `it ends at position ${this.#applier.appliedEnd} instead of ${end}`);
        }
        await this.#state.flush();
        finish('completed');
        this.#deliver(message);
      },
      abort: () => {
        finish('failed');
      },
    };
    this.#current = receiver;
    return receiver;
  }

  #assertCurrent(receiver: SnapshotReceiver): void {
    if (this.#current === receiver) return;
    const reason = 'the transfer was ended, or another one has begun';
    throw new StoreError('NOT_SERVING', reason, { reason });
  }

  async #take({ firstPosition, endPosition, bytes, crc }: SnapshotChunk): Promise<number> {
    const what = `a snapshot's records ${firstPosition} to ${endPosition}`;
    if (checksum(bytes) !== crc) throw corruption(what, 'their checksum is wrong');
    const group = decodeGroup(bytes, 'everything');
    const last = group.appends.at(-1);
    const end = last === undefined ? firstPosition : last.firstPosition + last.count;
    if (group.appends[0]?.firstPosition !== firstPosition || end !== endPosition) {
      throw corruption(what, `they are ${group.appends[0]?.firstPosition ?? 'none'} to ${end}`);
    }
    if (firstPosition > this.#applier.appliedEnd) {
      throw corruption(what, `they leave a hole after ${this.#applier.appliedEnd}`);
    }
    if (end > this.#applier.appliedEnd) await this.#applier.pushRecords(group);
    return this.#applier.appliedEnd;
  }
}
