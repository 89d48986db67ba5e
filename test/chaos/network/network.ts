/**
 * The network a chaos run lives in: hosts with addresses, and what can be done to the links between them. A port with several
 * implementations; nothing here knows which.
 */

/** A place that a member can run on. Numbered from 1; the clients are host 0. */
export interface Host {
  readonly number: number;
  /** Where its servers are reached. */
  readonly address: string;
  /** Where they listen, when that is somewhere else. */
  readonly listen?: string;
  /** What to write in front of a command so that it runs on the host. */
  readonly prefix: readonly string[];
}

/** From one host to another; the other direction is a link of its own. */
export interface Link {
  readonly from: number;
  readonly to: number;
}

/** Links work until told otherwise, and all together again after {@link healAll}. */
export interface Network {
  readonly hosts: readonly Host[];
  /** False: links cannot be touched, and faults of the network are left out. */
  readonly hasLinks: boolean;
  /** Everything sent over the link vanishes, silently. */
  cut(link: Link): Promise<void>;
  mend(link: Link): Promise<void>;
  /** All traffic from and to a host gets so little room that packets queue up and are dropped. */
  slow(host: number, kilobitsPerSecond: number): Promise<void>;
  unslow(host: number): Promise<void>;
  healAll(): Promise<void>;
}
