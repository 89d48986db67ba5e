/**
 * Drives the Raft core of one member: drains what comes in (messages, proposals, reads, ticks), steps the core, and does what it
 * wants done: send first, then one write at a time, and apply off the way of both.
 *
 * Invariants: the core is used from here alone; inputs of one turn are acted on together; responses leave in the order of
 * their tasks, when these are durable or applied; a failed write, a failed apply or a broken invariant is final: nothing leaves
 * any more. A member whose disk stands still begins no election, and hands over when it leads. Must not know events or gRPC.
 */
import { StoreError } from '../domain/errors.ts';
import { assert } from '../lib/assert.ts';
import type { ConfChange } from '../raft/conf-change.ts';
import { decodeConfChange } from '../raft/conf-change-codec.ts';
import type { Entry, Message, Snapshot } from '../raft/messages.ts';
import { MessageType, newMessage } from '../raft/messages.ts';
import { RawNode } from '../raft/raw-node.ts';
import type { AppendTask, Ready, SoftState } from '../raft/ready.ts';
import { StateType } from '../raft/ready.ts';
import type { ProposalResult } from '../raft/results.ts';
import type { Status } from '../raft/status.ts';
import type { EncodedGroup } from '../storage/group.ts';
import type { CommitOutcome } from '../storage/store.ts';
import { AppendTasks } from './append-tasks.ts';
import { CommitNotices } from './commit-notices.ts';
import type { Configuration } from './configuration.ts';
import { changeConfiguration, decodeMembers, decodeSnapshotFacts, encodeConfiguration } from './configuration.ts';
import type { DriverHost, DriverParts } from './driver-ports.ts';
import { IdleLog } from './idle-log.ts';
import { Proposals } from './proposals.ts';
import { ReadRounds } from './read-rounds.ts';
import { StateApplier } from './state-applier.ts';
import { TickTimer } from './tick-timer.ts';

/** Rounds of reads are counted from a number of chance below this, so that those of this run are no others' (a clock may go back). */
const READ_SALTS = 2 ** 52;

export class RaftDriver {
  readonly applier: StateApplier;
  readonly proposals = new Proposals();
  readonly reads: ReadRounds;
  readonly #parts: DriverParts;
  readonly #host: DriverHost;
  readonly #node: RawNode;
  readonly #appending: AppendTasks;
  readonly #idleLog: IdleLog;
  readonly #notices: CommitNotices;
  readonly #ticks: TickTimer;
  #configuration: Configuration;
  #soft: SoftState = { leader: 0, state: StateType.Follower };
  #term: number;
  #commit: number;
  /** First index of the present leadership's own term; 0 when not leading. */
  #ownTermIndex = 0;
  #pumpWanted = false;
  #pumping = false;
  #ended = false;
  #appendedBytes = 0;
  #orphanedTicks = 0;
  /** Campaign when the snapshot that begins the cluster is installed. */
  #founding = false;

  constructor(parts: DriverParts, host: DriverHost) {
    const { id, log, state, settings, clock } = parts;
    this.#parts = parts;
    this.#host = host;
    this.#configuration = parts.configuration;
    this.#node = RawNode.create({
      id,
      storage: log,
      electionTick: settings.electionTicks,
      heartbeatTick: settings.heartbeatTicks,
      randomizedElectionTimeout: (ticks) => ticks + Math.floor(parts.random() * ticks),
      applied: state.appliedIndex,
      maxSizePerMsg: settings.maxMessageBytes,
      maxCommittedSizePerReady: settings.maxUnappliedBytes,
      maxUncommittedEntriesSize: settings.maxUncommittedBytes,
      maxInflightMsgs: settings.maxInflightMessages,
      maxInflightBytes: settings.maxInflightBytes,
      checkQuorum: true,
      preVote: true,
      disableProposalForwarding: true,
    });
    const { hardState } = this.#node.status();
    this.#term = hardState.term;
    this.#commit = hardState.commit;
    this.applier = new StateApplier(state, {
      configure: (entry) => this.#configure(entry),
      failed: (error) => {
        this.#fail(error);
      },
    });
    this.#appending = new AppendTasks(log, clock, {
      durable: (task) => this.#durable(task),
      failed: (error) => {
        this.#fail(error);
      },
      synced: (millis, entries) => {
        parts.observer.logSynced(millis, entries);
      },
    });
    this.#idleLog = new IdleLog(log, this.#appending);
    this.#notices = new CommitNotices(clock, (messages) => {
      this.#host.send(messages);
    });
    this.reads = new ReadRounds(id, Math.floor(parts.random() * READ_SALTS), (context) => {
      this.#input(() => {
        this.#node.readIndex(context);
      });
    });
    this.#ticks = new TickTimer(clock, settings.tickMillis, settings.electionTicks, (count) => {
      for (let i = 0; i < count; i += 1) this.#tick();
    });
  }

  get id(): number {
    return this.#parts.id;
  }

  get term(): number {
    return this.#term;
  }

  /** The leader known, or 0. */
  get leaderId(): number {
    return this.#soft.leader;
  }

  get leading(): boolean {
    return this.#soft.state === StateType.Leader;
  }

  /** Leading, and everything committed before is applied: may decide. */
  get deciding(): boolean {
    return this.leading && this.#ownTermIndex > 0 && this.applier.appliedIndex >= this.#ownTermIndex;
  }

  get role(): StateType {
    return this.#soft.state;
  }

  get commitIndex(): number {
    return this.#commit;
  }

  get configuration(): Configuration {
    return this.#configuration;
  }

  /** Milliseconds of the shortest election timeout. */
  get electionMillis(): number {
    return this.#parts.settings.electionTicks * this.#parts.settings.tickMillis;
  }

  /** Bytes of entries handed to the log since the start. */
  get appendedBytes(): number {
    return this.#appendedBytes;
  }

  /** Begins. A member that is the only voter takes office at once instead of waiting for its timeout. */
  start(): void {
    this.#ticks.start();
    const { voters, votersOutgoing } = this.#configuration.confState;
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
    this.#input(() => {
      this.#node.step(message);
    });
  }

  /** Tries to lead now, instead of after a timeout. */
  campaign(): void {
    this.#input(() => {
      this.#node.campaign();
    });
  }

  /** Takes the leader for gone, as far as pre-votes of others go. It still counts when it is heard of again. */
  forgetLeader(): void {
    this.#input(() => {
      this.#node.forgetLeader();
    });
  }

  /** Whether the disk has not answered for so long that this member should not lead. */
  get diskStalled(): boolean {
    return this.#appending.stalledMillis > this.electionMillis / 2;
  }

  receive(message: Message): void {
    // Somebody else was at this address, or this member's disk was another's.
    if (message.to !== this.id || message.from === this.id) return;
    this.#input(() => {
      this.#node.step(message);
    });
  }

  /** Puts the group into the log of this leader. Null and the reason when it is not taken; nothing is done then. */
  propose(group: EncodedGroup): { readonly outcome: Promise<CommitOutcome> } | { readonly refused: string } {
    const result = this.#input(() => this.#node.propose(group.bytes));
    if (result === null) return { refused: 'failed' };
    if (!result.ok) return { refused: result.reason };
    this.applier.expect(group);
    return { outcome: this.proposals.add(result.index, result.term) };
  }

  proposeConfChange(change: ConfChange): ProposalResult | null {
    return this.#input(() => this.#node.proposeConfChange(change));
  }

  transferLeadership(id: number): void {
    this.#input(() => {
      this.#node.transferLeadership(id);
    });
  }

  reportUnreachable(id: number): void {
    this.#input(() => {
      this.#node.reportUnreachable(id);
    });
  }

  reportSnapshot(id: number, outcome: 'finished' | 'failed'): void {
    this.#input(() => {
      this.#node.reportSnapshot(id, outcome);
    });
  }

  status(): Status {
    return this.#node.status();
  }

  /** Nothing is taken in or sent any more. Waits until what was committed is applied. */
  async stop(reason: StoreError): Promise<void> {
    this.#ended = true;
    this.#ticks.stop();
    this.#notices.stop();
    this.proposals.giveUp('the store stopped');
    this.reads.fail(reason);
    await this.applier.drain();
  }

  /** Null when the process had to end on it. */
  #input<T>(work: () => T): T | null {
    if (this.#ended) return null;
    try {
      const result = work();
      this.#wantPump();
      return result;
    } catch (error) {
      this.#fail(error);
      return null;
    }
  }

  /** Everything that comes in one turn is acted on together, at its end. */
  #wantPump(): void {
    if (this.#pumpWanted) return;
    this.#pumpWanted = true;
    queueMicrotask(() => {
      this.#pump();
    });
  }

  #pump(): void {
    this.#pumpWanted = false;
    if (this.#pumping || this.#ended) return;
    this.#pumping = true;
    try {
      while (this.#wants()) {
        this.#act(this.#node.ready());
        this.#appending.settle();
      }
    } catch (error) {
      this.#fail(error);
    }
    this.#pumping = false;
  }

  /** Whether there is something to do, and it may be done. */
  #wants(): boolean {
    return !this.#ended && this.#node.hasReady();
  }

  #act(ready: Ready): void {
    if (ready.messages.length > 0) this.#send(ready.messages);
    const { append, apply, softState } = ready;
    if (softState !== null || append?.hardState != null) this.#noteState(softState, append);
    if (append !== null) {
      for (const { data } of append.entries) this.#appendedBytes += data.length;
      this.#appending.add(append);
    }
    if (apply !== null) {
      this.proposals.committed(apply.entries);
      const since = this.#parts.clock.monotonicMillis();
      this.applier.push(apply.entries, () => {
        this.#parts.observer.applied(apply.entries.length, this.#parts.clock.monotonicMillis() - since);
        this.#release(apply.responses);
        this.#host.applied();
      });
    }
    for (const read of ready.readStates) this.reads.answered(read);
  }

  #send(messages: readonly Message[]): void {
    if (!messages.some(({ type }) => type === MessageType.MsgSnap)) {
      const now = this.#notices.pass(messages);
      if (now.length > 0) this.#host.send(now);
      return;
    }
    this.#host.send(this.#notices.pass(messages.filter(({ type }) => type !== MessageType.MsgSnap)));
    for (const message of messages) if (message.type === MessageType.MsgSnap) this.#host.sendSnapshot(message);
  }

  #noteState(softState: SoftState | null, append: AppendTask | null): void {
    const hardState = append?.hardState ?? null;
    const wasLeading = this.leading;
    const termBefore = this.#term;
    if (hardState !== null) {
      this.#term = hardState.term;
      this.#commit = hardState.commit;
    }
    if (softState !== null) this.#soft = softState;
    if (this.leading && (!wasLeading || termBefore !== this.#term)) this.#ownTermIndex = this.#node.status().lastIndex;
    if (!this.leading) this.#ownTermIndex = 0;
    if (this.leading) this.proposals.committedWhileLeading(this.#commit, this.#term);
    if (softState === null && termBefore === this.#term) return;
    this.#orphanedTicks = 0;
    this.reads.again();
    const { observer } = this.#parts;
    const candidate = this.#soft.state === StateType.Candidate || this.#soft.state === StateType.PreCandidate;
    const learner = this.#configuration.confState.learners.includes(this.id);
    const role = this.leading ? 'leader' : candidate ? 'candidate' : learner ? 'learner' : 'follower';
    observer.roleChanged(role, this.#term, this.#soft.leader);
    if (this.#soft.state === StateType.Candidate && termBefore !== this.#term) observer.electionStarted(this.#term);
    this.#host.changed();
  }

  /** Releases a durable task's responses; a snapshot is installed before. */
  #durable(task: AppendTask): Promise<void> | null {
    if (this.#ended) return null;
    if (task.snapshot === null) {
      this.#release(task.responses);
      return null;
    }
    return this.#install(task.snapshot).then(() => {
      this.#release(task.responses);
      if (!this.#founding) return;
      this.#founding = false;
      this.campaign();
    });
  }

  async #install(snapshot: Snapshot): Promise<void> {
    const { index, term, confState } = snapshot;
    const { clusterId, members, nextPosition } = decodeSnapshotFacts(snapshot.data);
    const { clusterId: own } = this.#configuration;
    assert(own === null || own === clusterId, () => `a snapshot of cluster ${clusterId} in cluster ${own ?? ''}`);
    await this.#host.joinCluster(clusterId);
    const configuration = { clusterId, confState, members };
    await this.applier.install({ index, term, confState: encodeConfiguration(configuration), nextPosition });
    this.proposals.giveUp('a snapshot has taken the place of its log entry', index);
    this.#setConfiguration(configuration);
  }

  #release(responses: readonly Message[]): void {
    if (this.#ended) return;
    try {
      const others = responses.filter(({ to }) => to !== this.id);
      if (others.length > 0) this.#host.send(others);
      for (const message of responses) if (message.to === this.id) this.#node.step(message);
    } catch (error) {
      this.#fail(error);
      return;
    }
    // Under way already: it goes on until nothing is ready.
    if (!this.#pumping) this.#pump();
  }

  #configure(entry: Entry): Uint8Array {
    const { confState } = this.#node.applyConfChange(entry);
    const described = decodeMembers(decodeConfChange(entry)?.context ?? new Uint8Array(0));
    const configuration = changeConfiguration(this.#configuration, confState, described);
    this.#setConfiguration(configuration);
    this.#wantPump();
    return encodeConfiguration(configuration);
  }

  #setConfiguration(configuration: Configuration): void {
    // A member that this removes has to hear of it while it is still a peer.
    this.#notices.flush();
    this.#configuration = configuration;
    this.#host.configured(configuration);
  }

  #tick(): void {
    if (this.#ended) return;
    this.reads.tick();
    this.#giveUpOrphans();
    const stalled = this.#appending.stalledMillis;
    if (this.leading) {
      if (stalled > this.electionMillis) this.#flee(stalled);
    } else if (this.diskStalled) {
      this.#parts.observer.diskStalled(stalled);
      return;
    }
    this.#input(() => {
      this.#idleLog.tick();
      this.#node.tick();
    });
  }

  /** Proposals of a leadership that is over, of which nothing was heard for an election timeout. */
  #giveUpOrphans(): void {
    if (this.leading || this.proposals.count === 0) {
      this.#orphanedTicks = 0;
      return;
    }
    this.#orphanedTicks += 1;
    if (this.#orphanedTicks > this.#parts.settings.electionTicks) {
      this.proposals.giveUp('this member leads no more, and could not learn what became of the append');
    }
  }

  /** The disk does not answer: somebody else should lead. */
  #flee(stalled: number): void {
    this.#parts.observer.diskStalled(stalled);
    const successor = this.successor();
    if (successor !== null) this.transferLeadership(successor);
  }

  /** The voter that could take over best, or null. */
  successor(): number | null {
    const { progress } = this.#node.status();
    const voters = this.#configuration.confState.voters;
    const best = progress
      .filter((peer) => peer.id !== this.id && voters.includes(peer.id) && peer.recentActive)
      .sort((a, b) => b.match - a.match)[0];
    return best?.id ?? null;
  }

  #fail(error: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#ticks.stop();
    this.#notices.stop();
    const reason = error instanceof Error ? error.message : String(error);
    this.proposals.giveUp(`the store failed: ${reason}`);
    this.reads.fail(new StoreError('NOT_SERVING', `the store failed: ${reason}`, { reason }));
    this.#host.failed(error);
  }
}
