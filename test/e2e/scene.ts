/**
 * What the phases of a run act with, and what they wait for in common.
 */
import type { Image, TestCluster } from './test-cluster.ts';

/** What a phase acts with. */
export interface Scene {
  readonly cluster: TestCluster;
  /** The image that runs, and one with the same content and another name. */
  readonly images: readonly [now: Image, next: Image];
  /** The number of appends acknowledged so far. */
  readonly acknowledged: () => number;
  /** Begins to append; called once. */
  readonly beginToAppend: () => void;
  /** Does something while nothing is appended. */
  readonly quietly: (work: () => Promise<void>) => Promise<void>;
  /** A line for the report. */
  readonly note: (line: string) => void;
}

/** How many members the store has in most phases. */
export const MEMBERS = 3;

const PROGRESS_MILLIS = 90_000;

/** Resolves when appends that are begun now are acknowledged, by every writer. */
export async function appendsGoOn({ cluster, acknowledged }: Scene): Promise<void> {
  const before = acknowledged();
  const enough = (): Promise<string | null> =>
    Promise.resolve(acknowledged() >= before + 10 ? null : `${acknowledged() - before} since then`);
  await cluster.until('appends to be acknowledged', enough, PROGRESS_MILLIS);
}
