/**
 * Entries that the records say must be there, looked up in batches, so that memory is bounded and reads are few.
 */
import type { KeyValueReader } from '../key-value/key-value.ts';
import type { ProblemList, StateProblemKind } from './problem-list.ts';

const BATCH = 2048;

interface Expectation {
  readonly key: Uint8Array;
  readonly kind: StateProblemKind;
  /** Null when the value is as it must be, else what is wrong. Not called when there is no value. */
  readonly judge: (value: Uint8Array) => string | null;
  /** Names the entry, for people. */
  readonly name: () => string;
}

export class ExpectedEntries {
  readonly #reader: KeyValueReader;
  readonly #problems: ProblemList;
  #waiting: Expectation[] = [];

  constructor(reader: KeyValueReader, problems: ProblemList) {
    this.#reader = reader;
    this.#problems = problems;
  }

  /** To be looked up with the next {@link settle}. */
  expect(
    kind: StateProblemKind,
    key: Uint8Array,
    name: () => string,
    judge: (value: Uint8Array) => string | null,
  ): void {
    this.#waiting.push({ key, kind, judge, name });
  }

  /** The entry's value must be exactly this. */
  expectValue(key: Uint8Array, value: Uint8Array, name: () => string): void {
    this.expect('index', key, name, (found) => (Buffer.compare(found, value) === 0 ? null : 'is wrong'));
  }

  /** Looks up what is waiting: when there is enough for a batch, or, with `all`, in any case. */
  async settle(all = false): Promise<void> {
    while (this.#waiting.length >= (all ? 1 : BATCH)) {
      const batch = this.#waiting.slice(0, BATCH);
      this.#waiting = this.#waiting.slice(BATCH);
      const values = await this.#problems.guard(() => this.#reader.getMany(batch.map(({ key }) => key)));
      for (const [i, value] of (values ?? []).entries()) {
        const expectation = batch[i];
        if (expectation === undefined) continue;
        const verdict = value === null ? 'is missing' : expectation.judge(value);
        if (verdict !== null) this.#problems.add(expectation.kind, `${expectation.name()} ${verdict}`);
      }
    }
  }
}
