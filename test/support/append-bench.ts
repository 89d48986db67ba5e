/**
 * An append pipeline whose store and clock the test drives step by step.
 */
import type { Append, AppendResult } from '../../src/domain/append.ts';
import { StoreError } from '../../src/domain/errors.ts';
import type { ErrorCode } from '../../src/domain/errors.ts';
import { AppendPipeline } from '../../src/pipeline/append/append-pipeline.ts';
import type { AppendOptions } from '../../src/pipeline/append/append-options.ts';
import { ControlledStore, settle } from './controlled-store.ts';
import { ManualClock } from './manual-clock.ts';

/** The answer to an append as the test sees it grow: undefined while there is none. */
export interface Asked {
  answer: readonly AppendResult[] | ErrorCode | undefined;
}

/** A pipeline over a controlled store. */
export class AppendBench {
  readonly store = new ControlledStore();
  readonly clock = new ManualClock();
  readonly pipeline: AppendPipeline;

  constructor(options: Partial<AppendOptions> = {}) {
    this.pipeline = new AppendPipeline(this.store, { clock: this.clock, ...options });
  }

  ask(asked: Append, signal: AbortSignal = new AbortController().signal): Asked {
    const result: Asked = { answer: undefined };
    this.pipeline.append(asked, signal).then(
      (answer) => (result.answer = answer),
      (error: unknown) => {
        if (!(error instanceof StoreError)) throw error;
        result.answer = (error as StoreError).code;
      },
    );
    return result;
  }

  /** Answers loads until a group waits to be committed, or nothing moves. */
  async load(): Promise<void> {
    await settle();
    this.store.answerLoad();
    await settle();
  }

  async commit(): Promise<void> {
    this.store.commitNext();
    await settle();
  }
}

/** The results of an append of `count` new events. */
export function accepted(firstRevision: number, firstPosition: number, count = 1): readonly AppendResult[] {
  const last = count - 1;
  return [
    {
      firstRevision,
      lastRevision: firstRevision + last,
      firstPosition,
      lastPosition: firstPosition + last,
      duplicate: false,
    },
  ];
}

/** The same, for events that were there. */
export function repeated(firstRevision: number, firstPosition: number, count = 1): readonly AppendResult[] {
  return accepted(firstRevision, firstPosition, count).map((result) => ({ ...result, duplicate: true }));
}

/** The answer there is once everything that can run has run. */
export async function answerOf(asked: Asked): Promise<Asked['answer']> {
  await settle();
  return asked.answer;
}
