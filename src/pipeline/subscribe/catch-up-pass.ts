/**
 * One pass of a subscription over the store: from where it has come up to a fixed end. Opens what it reads from when it is first
 * asked, and can let go of it at any time; a new pass then goes on from the progress.
 */
import type { CompiledFilter } from '../../domain/compiled-filter.ts';
import type { Store } from '../../storage/store.ts';
import type { SubscriptionTarget } from '../event-pipeline.ts';
import { openAll } from '../read/read-plan.ts';
import { type ScanPlan, type ScanStep, scan, wholeScan } from '../read/scan.ts';
import type { Progress } from './progress.ts';

export class CatchUpPass {
  /** The pass covers every position below it. */
  readonly end: number;
  readonly #steps: AsyncGenerator<ScanStep, void, undefined>;

  constructor(
    store: Store,
    target: SubscriptionTarget,
    filter: CompiledFilter | null,
    progress: Progress,
    end: number,
    maxBatchBytes: number,
  ) {
    this.end = end;
    this.#steps = passSteps(store, target, filter, progress, end, maxBatchBytes);
  }

  /** The next step; null when the pass has reached its end. */
  async step(): Promise<ScanStep | null> {
    const next = await this.#steps.next();
    return next.done === true ? null : next.value;
  }

  /** Lets go of the store's iterator. */
  release(): void {
    // A failure to read is final and reported by the store; nobody waits for this pass any more.
    this.#steps.return().catch(() => undefined);
  }
}

async function* passSteps(
  store: Store,
  target: SubscriptionTarget,
  filter: CompiledFilter | null,
  progress: Progress,
  end: number,
  maxBatchBytes: number,
): AsyncGenerator<ScanStep, void, undefined> {
  if (progress.position >= end) return;
  const bounds = { ...wholeScan, untilPosition: end, maxBatchBytes };
  let plan: ScanPlan;
  if (target.kind === 'stream') {
    const { streamId } = target;
    const from = progress.revision ?? (await firstRevisionFrom(store, streamId, progress.position));
    progress.revision = from;
    plan = { ...bounds, by: 'revision', from, open: () => store.readStream(streamId, from, 'forwards') };
  } else {
    const from = progress.position;
    plan = { ...bounds, from, filter, open: openAll(store, filter, from, 'forwards') };
  }
  yield* scan(plan);
}

/** The revision of the stream's first event at or after `position`, whether it exists yet or not. */
async function firstRevisionFrom(store: Store, streamId: string, position: number): Promise<number> {
  const summary = await store.stream(streamId);
  if (summary === null) return 0;
  const { lastPosition, lastRevision } = summary;
  if (lastPosition < position) return lastRevision + 1;
  for await (const chunk of store.readStream(streamId, lastRevision, 'backwards')) {
    for (const append of chunk) {
      const before = Math.min(append.count, position - append.firstPosition);
      if (before > 0) return append.firstRevision + before;
    }
  }
  return 0;
}
