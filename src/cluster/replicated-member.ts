/**
 * One member of a cluster, put together: driver, store, administration, snapshots and transport; and how they hear of each other.
 *
 * Invariants: what the transport delivers goes to the driver only while the member runs; peers are those of the configuration, and
 * those who greeted or introduced themselves (they answer before a configuration tells where they are); a member that finds itself
 * removed serves no more. Composes; decisions are in the parts.
 */
import { StoreError } from '../domain/errors.ts';
import type { Message } from '../raft/messages.ts';
import type { Configuration } from './configuration.ts';
import { configurationFields, memberIds } from './configuration.ts';
import { Founding } from './founding.ts';
import { GENESIS_TERM, genesisSnapshot } from './genesis.ts';
import { handOver } from './hand-over.ts';
import { LeaderHunt } from './leader-hunt.ts';
import { Leadership } from './leadership.ts';
import { LogCompactor } from './log-compactor.ts';
import { meet } from './meeting.ts';
import { Introductions } from './introductions.ts';
import type { Introduction, MemberInfo } from './member.ts';
import { closeMember } from './member-closing.ts';
import type { MemberParts } from './member-parts.ts';
import { PeerAddresses } from './peer-addresses.ts';
import { RaftAdmin } from './raft-admin.ts';
import type { DriverHost } from './driver-ports.ts';
import { RaftDriver } from './raft-driver.ts';
import { REMOVAL_TIMEOUTS, RemovalWatch } from './removal-watch.ts';
import { addressesOf } from './replicated-node.ts';
import type { ReplicatedNode } from './replicated-node.ts';
import { ReplicatedStore } from './replicated-store.ts';
import { SelfDescription } from './self-description.ts';
import { SnapshotReception } from './snapshot-reception.ts';
import { dispatchSnapshot } from './snapshot-dispatch.ts';
import type { SnapshotReceiver, Transport, TransportHandler } from './transport.ts';

export class ReplicatedMember implements ReplicatedNode, DriverHost, TransportHandler {
  readonly store: ReplicatedStore;
  readonly admin: RaftAdmin;
  readonly removed: Promise<void>;
  readonly #parts: MemberParts;
  readonly #driver: RaftDriver;
  readonly #leadership: Leadership;
  readonly #hunt: LeaderHunt;
  readonly #compactor: LogCompactor;
  readonly #reception: SnapshotReception;
  readonly #removalWatch: RemovalWatch;
  readonly #stopping = new AbortController();
  readonly #addresses: PeerAddresses;
  readonly #introductions: Introductions;
  readonly #description: SelfDescription;
  #clusterId: string | null;
  #wasMember: boolean;
  #isRemoved = false;
  readonly #met = ({ id, peerAddress }: MemberInfo): void => {
    this.#addresses.met(id, peerAddress);
  };
  #toldLeader = 0;
  #toldTerm = 0;
  #resolveRemoved!: () => void;

  constructor(parts: MemberParts) {
    this.#parts = parts;
    const { state, log, settings, clock } = parts;
    this.#clusterId = parts.configuration.clusterId;
    this.#wasMember = memberIds(parts.configuration.confState).has(parts.id);
    this.removed = new Promise((resolve) => {
      this.#resolveRemoved = resolve;
    });
    this.#addresses = new PeerAddresses(parts.id, (peers) => {
      parts.transport?.setPeers(peers);
    });
    this.#driver = new RaftDriver(parts, this);
    const driver = this.#driver;
    this.#introductions = new Introductions({
      ...parts,
      member: driver,
      addressOf: (id) => this.#addresses.of(id),
      clusterId: () => this.#clusterId,
      add: (other, signal) => this.admin.addIntroduced(other, signal),
    });
    this.#description = new SelfDescription({
      ...parts,
      member: driver,
      ask: (signal) => this.#introductions.tell(signal),
      signal: this.#stopping.signal,
    });
    this.#removalWatch = this.#watchForRemoval();
    this.#leadership = new Leadership(driver, clock);
    this.#hunt = new LeaderHunt(driver, clock);
    this.#compactor = new LogCompactor({
      log,
      state,
      settings,
      appendedBytes: () => driver.appendedBytes,
      hasFollowers: () => memberIds(driver.configuration.confState).size > 1,
      failed: (error) => {
        this.failed(error);
      },
    });
    this.#reception = new SnapshotReception({ state, applier: driver.applier, observer: parts.observer }, (message) => {
      driver.receive(message);
    });
    this.store = new ReplicatedStore({
      driver,
      leadership: this.#leadership,
      state,
      log,
      clock,
      maxUncommittedBytes: settings.maxUncommittedBytes,
      leaderWaitMillis: settings.leaderWaitTimeouts * driver.electionMillis,
      shutDown: (failed) => this.#shutDown(failed),
    });
    this.admin = new RaftAdmin({
      driver,
      leadership: this.#leadership,
      clock,
      introduce: (address, signal) => this.#introductions.ask(address, signal),
      founding: new Founding({
        id: parts.id,
        waits: parts.beginning.kind === 'wait',
        clusterId: () => this.#clusterId,
        approached: () => driver.leaderId !== 0 || driver.term > GENESIS_TERM,
        found: (clusterId) => this.#found(clusterId, [parts.self]),
      }),
      removed: () => this.#isRemoved,
    });
  }

  #watchForRemoval(): RemovalWatch {
    const { settings, beginning } = this.#parts;
    return new RemovalWatch({
      ...this.#parts,
      intervalMillis: REMOVAL_TIMEOUTS * settings.electionTicks * settings.tickMillis,
      leaderKnown: () => this.#driver.leaderId !== 0 || this.#isRemoved,
      configuration: () => this.#driver.configuration,
      addresses: addressesOf(beginning),
      introduce: (address, signal) => this.#introductions.ask(address, signal),
      met: this.#met,
      removed: () => {
        this.#noteRemoval();
      },
      signal: this.#stopping.signal,
    });
  }

  /** Begins to take part. Resolves when it does; a cluster of one then leads. Rejects when it fails meanwhile. */
  async start(): Promise<void> {
    // A driver that has failed changes no more: whoever waits for a change of it would wait for ever.
    await Promise.race([this.#begin(), this.store.failed]);
  }

  async #begin(): Promise<void> {
    const { transport, ownClusterId, self } = this.#parts;
    await transport?.start(this, () => this.#introductions.own());
    this.#addresses.configured(this.#driver.configuration.members);
    this.#driver.start();
    if (ownClusterId !== null) await this.#found(ownClusterId, [self]);
    const { voters } = this.#driver.configuration.confState;
    if (voters.length === 1 && voters[0] === self.id) await this.#leadership.known(this.#stopping.signal);
    if (transport === null) return;
    if (this.#clusterId === null) this.#meet(transport);
    else if (!this.#wasMember)
      this.#parts.logger.warn('not a member as of the last start: it was removed, or being added');
    this.#removalWatch.start();
  }

  handOver(millis: number): Promise<void> {
    const { clock, logger } = this.#parts;
    const parts = { member: this.#driver, leadership: this.#leadership, admin: this.admin, clock, logger };
    return handOver(parts, millis);
  }

  close(): Promise<void> {
    return this.store.close();
  }

  // What the driver has for others.

  send(messages: readonly Message[]): void {
    if (messages.length > 0) this.#parts.transport?.send(messages);
  }

  sendSnapshot(message: Message): void {
    dispatchSnapshot(this.#parts, this.#driver, message, this.#stopping.signal);
  }

  configured(configuration: Configuration): void {
    const { clusterId, confState, members } = configuration;
    this.#clusterId = clusterId;
    this.#addresses.configured(members);
    const isMember = memberIds(confState).has(this.#parts.id);
    if (this.#wasMember && !isMember) this.#noteRemoval();
    this.#wasMember ||= isMember;
    if (isMember) this.#driver.settling.begin();
    this.#parts.logger.info('configuration changed', configurationFields(configuration));
    this.#leadership.changed();
  }

  changed(): void {
    const { term, leaderId, leading } = this.#driver;
    this.#leadership.changed();
    this.#description.look();
    // A member that looks for a leader in vain changes its role again and again, and says so once.
    if (leaderId === this.#toldLeader && (term === this.#toldTerm || leaderId === 0)) return;
    this.#toldLeader = leaderId;
    this.#toldTerm = term;
    this.#parts.logger.info(leading ? 'this member leads' : 'leadership changed', { term, leaderId });
  }

  applied(): void {
    this.#compactor.notice();
    this.#leadership.progressed();
    this.#description.look();
  }

  joinCluster(clusterId: string): Promise<void> {
    return this.#parts.joinCluster(clusterId);
  }

  failed(error: unknown): void {
    this.store.fail(error);
  }

  // What the transport delivers.

  receive(message: Message): void {
    this.#driver.receive(message);
  }

  connected(peer: { readonly id: number; readonly address: string }): void {
    this.#addresses.met(peer.id, peer.address);
  }

  reached(): void {
    this.#hunt.reached();
  }

  disconnected(id: number): void {
    this.#hunt.disconnected(id);
  }

  unreachable(id: number): void {
    this.#driver.reportUnreachable(id);
  }

  beginSnapshot(message: Message): Promise<SnapshotReceiver> {
    if (message.to !== this.#parts.id || this.#stopping.signal.aborted) return Promise.reject(notServing());
    return new Promise((resolve) => {
      resolve(this.#reception.begin(message));
    });
  }

  introduce(other: Introduction): Introduction {
    const { members } = this.#driver.configuration;
    const known = other.clusterId === this.#clusterId && members.some(({ id }) => id === other.member.id);
    // Whoever asks for a cluster may be the one that is going to make it, and then sends to this member first.
    if (this.#clusterId === null || known) this.#met(other.member);
    return this.#introductions.own();
  }

  join(other: Introduction): Promise<void> {
    return this.#introductions.join(other, this.#stopping.signal);
  }

  #meet(transport: Transport): void {
    const { newClusterId } = this.#parts;
    const parts = {
      ...this.#parts,
      transport,
      self: () => this.#introductions.own(),
      met: this.#met,
      found: (members: readonly MemberInfo[]) => this.#found(newClusterId(), members),
    };
    meet(parts, this.#stopping.signal).catch((error: unknown) => {
      if (!this.#stopping.signal.aborted) this.failed(error);
    });
  }

  /** Makes the first configuration. Only one member of a cluster ever does. */
  async #found(clusterId: string, members: readonly MemberInfo[]): Promise<void> {
    const { nextPosition } = this.#parts.state.tail();
    this.#driver.found(genesisSnapshot(clusterId, members, nextPosition));
    await this.#leadership.until(
      () => (this.#driver.configuration.clusterId === null ? null : true),
      this.#stopping.signal,
    );
    const names = members.toSorted((a, b) => a.id - b.id).map(({ name }) => name);
    this.#parts.logger.info('cluster founded', { clusterId, members: names });
  }

  #noteRemoval(): void {
    this.#isRemoved = true;
    this.#parts.logger.warn('this member was removed from its cluster: it serves no more, and its data can be deleted');
    this.#resolveRemoved();
  }

  async #shutDown(failed: boolean): Promise<void> {
    this.#stopping.abort(notServing());
    this.#hunt.stop();
    const own = { driver: this.#driver, compactor: this.#compactor };
    await closeMember({ ...this.#parts, ...own, reason: notServing(), failed });
  }
}

function notServing(): StoreError {
  return new StoreError('NOT_SERVING', 'the store is closed', { reason: 'closed' });
}
