/**
 * Drives the Raft core of one member: gives it what comes in (messages, proposals, reads, ticks) and has done what it wants done
 * (`ready-work.ts`).
 *
 * Invariants: a failed write, a failed apply or a broken invariant is final: nothing leaves any more. A member whose disk stands still
 * begins no election, and hands over when it leads. Must not know events or gRPC.
 */
import { StoreError } from '../domain/errors.ts';
import type { ConfChange } from '../raft/conf-change.ts';
import type { Message, Snapshot } from '../raft/messages.ts';
import { MessageType, newMessage } from '../raft/messages.ts';
import type { StateType } from '../raft/ready.ts';
import type { ProposalResult } from '../raft/results.ts';
import type { Status } from '../raft/status.ts';
import type { EncodedGroup } from '../storage/group.ts';
import type { CommitOutcome } from '../storage/store.ts';
import type { Configuration } from './configuration.ts';
import type { DriverHost, DriverParts } from './driver-ports.ts';
import { IdleLog } from './idle-log.ts';
import { LastHeard } from './last-heard.ts';
import { Office } from './office.ts';
import { Proposals } from './proposals.ts';
import { ReadRounds } from './read-rounds.ts';
import { ReadyLoop } from './ready-loop.ts';
import { ReadyWork } from './ready-work.ts';
import { Settling } from './settling.ts';
import type { StateApplier } from './state-applier.ts';
import { TickDuties } from './tick-duties.ts';
import { TickTimer } from './tick-timer.ts';

/** Rounds of reads are counted from a number of chance below this, so that those of this run are no others' (a clock may go back). */
const READ_SALTS = 2 ** 52;
/** After so many heartbeats without an answer a voter may have ended, and is no first choice to hand leadership to. */
const MISSED_HEARTBEATS = 3;

export class RaftDriver {
  readonly applier: StateApplier;
  readonly proposals = new Proposals();
  readonly reads: ReadRounds;
  readonly settling = new Settling(this, (data) => this.#loop.input((node) => node.propose(data)));
  readonly #parts: DriverParts;
  readonly #host: DriverHost;
  readonly #loop: ReadyLoop;
  readonly #office: Office;
  readonly #work: ReadyWork;
  readonly #idleLog: IdleLog;
  readonly #duties: TickDuties;
  readonly #ticks: TickTimer;
  readonly #heard: LastHeard;
  /** Campaign when the snapshot that begins the cluster is installed. */
  #founding = false;

  constructor(parts: DriverParts, host: DriverHost) {
    const { id, log, settings, clock, observer } = parts;
    const { proposals } = this;
    this.#parts = parts;
    this.#host = host;
    this.#heard = new LastHeard(clock, this.electionMillis);
    this.#loop = new ReadyLoop(parts, {
      act: (ready) => {
        this.#work.act(ready);
      },
      failed: (error) => {
        this.#failed(error);
      },
    });
    const loop = this.#loop;
    this.#office = new Office(loop.node.status().hardState);
    const office = this.#office;
    this.reads = new ReadRounds(id, Math.floor(parts.random() * READ_SALTS), (context) => {
      loop.input((node) => {
        node.readIndex(context);
      });
    });
    const { reads } = this;
    this.#work = new ReadyWork({
      ...parts,
      host,
      loop,
      office,
      proposals,
      reads,
      officeChanged: () => {
        this.#duties.officeChanged();
        reads.again();
        host.changed();
      },
      installed: () => {
        this.#installed();
      },
    });
    const { applier, appending } = this.#work;
    this.applier = applier;
    this.#idleLog = new IdleLog(log, appending);
    this.#duties = new TickDuties({
      settings,
      proposals,
      reads,
      appending,
      observer,
      leading: () => office.leading,
      flee: () => {
        this.#flee();
      },
    });
    this.#ticks = new TickTimer(clock, settings.tickMillis, settings.electionTicks, (count) => {
      for (let i = 0; i < count; i += 1) this.#tick();
    });
  }

  get id(): number {
    return this.#parts.id;
  }

  get term(): number {
    return this.#office.term;
  }

  /** The leader known, or 0. */
  get leaderId(): number {
    return this.#office.leaderId;
  }

  get leading(): boolean {
    return this.#office.leading;
  }

  /** Leading, and everything committed before is applied: may decide. */
  get deciding(): boolean {
    const { leading, ownTermIndex } = this.#office;
    return leading && ownTermIndex > 0 && this.applier.appliedIndex >= ownTermIndex;
  }

  get role(): StateType {
    return this.#office.role;
  }

  get commitIndex(): number {
    return this.#office.commitIndex;
  }

  get configuration(): Configuration {
    return this.#work.configuration;
  }

  /** Milliseconds of the shortest election timeout. */
  get electionMillis(): number {
    return this.#parts.settings.electionTicks * this.#parts.settings.tickMillis;
  }

  /** Bytes of entries handed to the log since the start. */
  get appendedBytes(): number {
    return this.#work.appendedBytes;
  }

  /** Begins. A member that is the only voter takes office at once instead of waiting for its timeout. */
  start(): void {
    this.#ticks.start();
    const { voters, votersOutgoing } = this.configuration.confState;
    if (voters.length === 1 && voters[0] === this.id && votersOutgoing.length === 0) {
      this.campaign();
    }
  }

  /** Begins a cluster with this snapshot, of this member's own making. The log must be empty, and the member in no cluster. */
  found(genesis: Snapshot): void {
    // As if a leader of the first term had sent it and were gone: so there is one way to begin, and none of it is special.
    const message = newMessage(MessageType.MsgSnap, this.id);
    this.#founding = true;
    message.term = genesis.term;
    message.snapshot = genesis;
    this.#loop.input((node) => {
      node.step(message);
    });
  }

  /** Tries to lead now, instead of after a timeout. */
  campaign(): void {
    this.#loop.input((node) => {
      node.campaign();
    });
  }

  /** Takes the leader for gone, as far as pre-votes of others go. It still counts when it is heard of again. */
  forgetLeader(): void {
    this.#loop.input((node) => {
      node.forgetLeader();
    });
  }

  /** Whether the disk has not answered for so long that this member should not lead. */
  get diskStalled(): boolean {
    return this.#duties.diskStalled;
  }

  receive(message: Message): void {
    // Somebody else was at this address, or this member's disk was another's.
    if (message.to !== this.id || message.from === this.id) return;
    this.#heard.note(message);
    this.#loop.input((node) => {
      node.step(message);
    });
  }

  /** Puts the group into the log of this leader. Null and the reason when it is not taken; nothing is done then. */
  propose(group: EncodedGroup): { readonly outcome: Promise<CommitOutcome> } | { readonly refused: string } {
    const result = this.#loop.input((node) => node.propose(group.bytes));
    if (result === null) return { refused: 'failed' };
    if (!result.ok) return { refused: result.reason };
    this.applier.expect(group);
    return { outcome: this.proposals.add(result.index, result.term) };
  }

  proposeConfChange(change: ConfChange): ProposalResult | null {
    return this.#loop.input((node) => node.proposeConfChange(change));
  }

  transferLeadership(id: number): void {
    this.#loop.input((node) => {
      node.transferLeadership(id);
    });
  }

  reportUnreachable(id: number): void {
    this.#loop.input((node) => {
      node.reportUnreachable(id);
    });
  }

  reportSnapshot(id: number, outcome: 'finished' | 'failed'): void {
    this.#loop.input((node) => {
      node.reportSnapshot(id, outcome);
    });
  }

  status(): Status {
    return this.#loop.node.status();
  }

  /** Nothing is taken in or sent any more. Waits until what was committed is applied. */
  async stop(reason: StoreError): Promise<void> {
    this.#loop.end();
    this.#ticks.stop();
    this.#work.stop();
    this.proposals.giveUp('the store stopped');
    this.reads.fail(reason);
    await this.applier.drain();
  }

  #installed(): void {
    if (!this.#founding) return;
    this.#founding = false;
    this.campaign();
  }

  /** The disk does not answer: somebody else should lead. */
  #flee(): void {
    const successor = this.successor();
    if (successor !== null) this.transferLeadership(successor);
  }

  #tick(): void {
    if (this.#loop.ended || !this.#duties.tick()) return;
    this.#loop.input((node) => {
      this.#idleLog.tick();
      node.tick();
    });
    this.settling.tick();
  }

  /** Whether this leader, whose progress this is, has heard of the member within an election timeout; of itself always. False when it does not lead. */
  answers(id: number, progress: Status['progress']): boolean {
    if (!this.leading) return false;
    if (id === this.id) return true;
    const seen = progress.find((peer) => peer.id === id);
    return seen !== undefined && (seen.recentActive || this.#heard.recently(id));
  }

  /** The voter that could take over best, or null: one that answered the last heartbeats, and of those the one that is furthest on. */
  successor(): number | null {
    const { heartbeatTicks, tickMillis } = this.#parts.settings;
    const voters = this.configuration.confState.voters;
    const { progress } = this.status();
    const answering = progress.filter(({ id }) => id !== this.id && voters.includes(id) && this.answers(id, progress));
    const fresh = answering.filter(({ id }) =>
      this.#heard.recently(id, MISSED_HEARTBEATS * heartbeatTicks * tickMillis),
    );
    const best = (fresh.length > 0 ? fresh : answering).sort((a, b) => b.match - a.match)[0];
    return best?.id ?? null;
  }

  #failed(error: unknown): void {
    this.#ticks.stop();
    this.#work.stop();
    const reason = error instanceof Error ? error.message : String(error);
    this.proposals.giveUp(`the store failed: ${reason}`);
    this.reads.fail(new StoreError('NOT_SERVING', `the store failed: ${reason}`, { reason }));
    this.#host.failed(error);
  }
}
