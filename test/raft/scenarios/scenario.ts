/** What a scenario is: a fixed course of events over production nodes, with what must hold in it. */
import type { Cluster } from '../support/cluster.ts';

export interface Scenario {
  /** The failure it guards against, as one names it. */
  readonly pitfall: string;
  /** Plays the course, asserting on the way; answers the cluster at its end, for comparison with another run. */
  readonly run: () => Cluster;
}
