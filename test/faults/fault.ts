/**
 * The shape of a planted fault: a mistake that somebody could make, as a change of the production source.
 */
import type { Nodes } from '../simulation/campaign.ts';
import type { SCENARIOS } from './scenarios.ts';

export interface PlantedFault {
  /** Kebab-case, unique. */
  readonly name: string;
  /** The mistake, in the words of somebody who makes it. */
  readonly mistake: string;
  /** Path from the root of the repository. */
  readonly file: string;
  /** Text that occurs exactly once in the file. When it is gone, the fault must be planted anew. */
  readonly find: string;
  readonly replace: string;
  /** Who must catch it: simulated runs, seeds 1 to `seeds` at most; or a scenario. */
  readonly caughtBy: { readonly seeds: number; readonly nodes?: Nodes } | { readonly scenario: keyof typeof SCENARIOS };
}
