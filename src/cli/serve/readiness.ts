/**
 * Whether a member is of use to clients: it belongs to a cluster, has caught up with it since it started, and a leader is known or was
 * a moment ago (an election is no reason to send clients away). Told to health checks and to /readyz. Knows nothing of how these look.
 */
import type { ClusterAdmin, ClusterStatus } from '../../cluster/cluster-admin.ts';
import type { LeaderContact } from './leader-contact.ts';

/** What is followed. */
export interface FollowedMember {
  readonly admin: ClusterAdmin;
  /** Resolves when all that the cluster had committed at the call is visible here. Rejects when that cannot be known now. */
  readonly catchUp: (signal: AbortSignal) => Promise<void>;
}

/** Follows the status of one member. */
export class Readiness {
  readonly #contact: LeaderContact;
  readonly #onChange: (ready: boolean) => void;
  readonly #stop = new AbortController();
  readonly #stopLooking: () => void;
  #leaderKnown = false;
  #role: ClusterStatus['role'] = 'waiting';
  #catchingUp = false;
  #caughtUp = false;
  #reason: string | null = 'starting';

  /** `contact` is told what is seen of leaders. `onChange` is called with every change, the first being to ready. */
  constructor(contact: LeaderContact, onChange: (ready: boolean) => void) {
    this.#contact = contact;
    this.#onChange = onChange;
    this.#stopLooking = contact.onChange(() => {
      this.#judge();
    });
  }

  /** Null when it is ready, else why not, in a few words. */
  get notReady(): string | null {
    return this.#reason;
  }

  /** {@link stop} was called. */
  get stopped(): boolean {
    return this.#stop.signal.aborted;
  }

  /** Looks at the member at once, and follows it until {@link stop}. Never rejects. */
  async follow({ admin, catchUp }: FollowedMember): Promise<void> {
    const { signal } = this.#stop;
    const look = (status: ClusterStatus): void => {
      this.#look(status);
      if (!this.#caughtUp && !this.#catchingUp && status.leaderId !== null) void this.#catchUp(catchUp, signal);
    };
    try {
      look(admin.status());
      for await (const status of admin.watch(signal)) look(status);
    } catch (error) {
      if (!signal.aborted) this.#set(`the cluster cannot be followed: ${String(error)}`);
    }
  }

  /** Not ready from now on, for this reason. */
  stop(reason: string): void {
    this.#stop.abort(new Error(reason));
    this.#stopLooking();
    this.#contact.stop();
    this.#set(reason);
  }

  #look({ role, leaderId }: ClusterStatus): void {
    this.#role = role;
    this.#leaderKnown = leaderId !== null;
    this.#contact.look(this.#leaderKnown);
    this.#judge();
  }

  /** Tried again with the next status when it fails. Statuses come at least when something was applied. */
  async #catchUp(catchUp: FollowedMember['catchUp'], signal: AbortSignal): Promise<void> {
    this.#catchingUp = true;
    try {
      await catchUp(signal);
      this.#caughtUp = true;
    } catch {
      // The leader changed, or too many wait.
    } finally {
      this.#catchingUp = false;
    }
    this.#judge();
  }

  #judge(): void {
    if (this.#stop.signal.aborted) return;
    if (this.#role === 'waiting') this.#set('waiting to be a member of a cluster');
    else if (this.#role === 'removed') this.#set('removed from the cluster');
    else if (this.#contact.state === 'lost' || !(this.#leaderKnown || this.#caughtUp)) this.#set('no leader is known');
    else if (!this.#caughtUp) this.#set('catching up with the cluster');
    else this.#set(null);
  }

  #set(reason: string | null): void {
    const changed = (this.#reason === null) !== (reason === null);
    this.#reason = reason;
    if (changed) this.#onChange(reason === null);
  }
}
