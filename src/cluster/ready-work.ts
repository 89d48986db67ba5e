/**
 * What a Ready asks for, done: messages first, then the log's write and the state's application, each off the way of the other;
 * configurations as entries and snapshots bring them.
 *
 * Invariants: responses leave in the order of their tasks, when these are durable or applied; a configuration is in force here when it is
 * applied, and told to the host before anything behind it. Must not know events or gRPC.
 */
import { assert } from '../lib/assert.ts';
import { decodeConfChange } from '../raft/conf-change-codec.ts';
import type { Entry, Message, Snapshot } from '../raft/messages.ts';
import { MessageType } from '../raft/messages.ts';
import type { AppendTask, Ready } from '../raft/ready.ts';
import { AppendTasks } from './append-tasks.ts';
import { CommitNotices } from './commit-notices.ts';
import type { Configuration } from './configuration.ts';
import { changeConfiguration, decodeMembers, decodeSnapshotFacts, encodeConfiguration } from './configuration.ts';
import type { DriverHost, DriverParts } from './driver-ports.ts';
import type { Office } from './office.ts';
import type { Proposals } from './proposals.ts';
import type { ReadRounds } from './read-rounds.ts';
import type { ReadyLoop } from './ready-loop.ts';
import { StateApplier } from './state-applier.ts';

export interface ReadyWorkParts extends DriverParts {
  readonly host: DriverHost;
  readonly loop: ReadyLoop;
  readonly office: Office;
  readonly proposals: Proposals;
  readonly reads: ReadRounds;
  /** Role, term or leader changed. */
  readonly officeChanged: () => void;
  /** A snapshot is installed. */
  readonly installed: () => void;
}

export class ReadyWork {
  readonly applier: StateApplier;
  readonly appending: AppendTasks;
  readonly #parts: ReadyWorkParts;
  readonly #notices: CommitNotices;
  #configuration: Configuration;
  #appendedBytes = 0;

  constructor(parts: ReadyWorkParts) {
    const { log, state, clock, host, loop, observer } = parts;
    this.#parts = parts;
    this.#configuration = parts.configuration;
    const failed = (error: unknown): void => {
      loop.fail(error);
    };
    this.applier = new StateApplier(state, { configure: (entry) => this.#configure(entry), failed });
    this.appending = new AppendTasks(log, clock, {
      durable: (task) => this.#durable(task),
      failed,
      synced: (millis, entries) => {
        observer.logSynced(millis, entries);
      },
    });
    this.#notices = new CommitNotices(clock, (messages) => {
      host.send(messages);
    });
  }

  /** In force: that of what is applied. */
  get configuration(): Configuration {
    return this.#configuration;
  }

  /** Bytes of entries handed to the log since the start. */
  get appendedBytes(): number {
    return this.#appendedBytes;
  }

  /** Does it all, or begins to. */
  act(ready: Ready): void {
    const { proposals, reads, clock, observer, host } = this.#parts;
    if (ready.messages.length > 0) this.#send(ready.messages);
    const { append, apply, softState } = ready;
    if (softState !== null || append?.hardState != null) this.#noteOffice(softState, append);
    if (append !== null) {
      for (const { data } of append.entries) this.#appendedBytes += data.length;
      this.appending.add(append);
    }
    if (apply !== null) {
      proposals.committed(apply.entries);
      const since = clock.monotonicMillis();
      this.applier.push(apply.entries, () => {
        observer.applied(apply.entries.length, clock.monotonicMillis() - since);
        this.#release(apply.responses);
        host.applied();
      });
    }
    for (const read of ready.readStates) reads.answered(read);
    this.appending.settle();
  }

  /** What waits to be sent never is. */
  stop(): void {
    this.#notices.stop();
  }

  #send(messages: readonly Message[]): void {
    const { host } = this.#parts;
    if (!messages.some(({ type }) => type === MessageType.MsgSnap)) {
      const now = this.#notices.pass(messages);
      if (now.length > 0) host.send(now);
      return;
    }
    host.send(this.#notices.pass(messages.filter(({ type }) => type !== MessageType.MsgSnap)));
    for (const message of messages) if (message.type === MessageType.MsgSnap) host.sendSnapshot(message);
  }

  #noteOffice(softState: Ready['softState'], append: AppendTask | null): void {
    const { id, office, loop, proposals, observer } = this.#parts;
    const lastIndex = (): number => loop.node.status().lastIndex;
    const { changed, candidacy } = office.take(softState, append?.hardState ?? null, lastIndex);
    const { term, leaderId, leading, commitIndex } = office;
    if (leading) proposals.committedWhileLeading(commitIndex, term);
    if (!changed) return;
    const isLearner = this.#configuration.confState.learners.includes(id);
    observer.roleChanged(office.roleName(isLearner), term, leaderId);
    if (candidacy) observer.electionStarted(term);
    this.#parts.officeChanged();
  }

  /** Releases a durable task's responses; a snapshot is installed before. */
  #durable(task: AppendTask): Promise<void> | null {
    if (this.#parts.loop.ended) return null;
    if (task.snapshot === null) {
      this.#release(task.responses);
      return null;
    }
    return this.#install(task.snapshot).then(() => {
      this.#release(task.responses);
      this.#parts.installed();
    });
  }

  async #install(snapshot: Snapshot): Promise<void> {
    const { host, proposals } = this.#parts;
    const { index, term, confState } = snapshot;
    const { clusterId, members, nextPosition } = decodeSnapshotFacts(snapshot.data);
    const { clusterId: own } = this.#configuration;
    assert(own === null || own === clusterId, () => `a snapshot of cluster ${clusterId} in cluster ${own ?? ''}`);
    await host.joinCluster(clusterId);
    const configuration = { clusterId, confState, members };
    await this.applier.install({ index, term, confState: encodeConfiguration(configuration), nextPosition });
    proposals.giveUp('a snapshot has taken the place of its log entry', index);
    this.#setConfiguration(configuration);
  }

  #release(responses: readonly Message[]): void {
    const { id, host, loop } = this.#parts;
    loop.answer((node) => {
      const others = responses.filter(({ to }) => to !== id);
      if (others.length > 0) host.send(others);
      for (const message of responses) if (message.to === id) node.step(message);
    });
  }

  #configure(entry: Entry): Uint8Array {
    const { loop } = this.#parts;
    const { confState } = loop.node.applyConfChange(entry);
    const described = decodeMembers(decodeConfChange(entry)?.context ?? new Uint8Array(0));
    const configuration = changeConfiguration(this.#configuration, confState, described);
    this.#setConfiguration(configuration);
    loop.wake();
    return encodeConfiguration(configuration);
  }

  #setConfiguration(configuration: Configuration): void {
    // A member that this removes has to hear of it while it is still a peer.
    this.#notices.flush();
    this.#configuration = configuration;
    this.#parts.host.configured(configuration);
  }
}
