/**
 * Virtual time on one thread: a heap of events, run one by one, each with all its promises before the next.
 *
 * Invariants: events run in order of time, and of scheduling at equal times; between two events no promise of the
 * simulated programs is runnable. That holds because they wait for nothing real: whatever they await is settled by an
 * event. Must not know what the events do.
 */

/** Something that will happen. `time` in microseconds of virtual time. */
interface ScheduledEvent {
  readonly time: number;
  readonly order: number;
  readonly action: () => void;
}

/**
 * Resolves when every promise reaction that is runnable now, and all that follow from it, has run. To be awaited from a
 * promise reaction: Node runs its tick queue only when the queue of promise reactions is empty.
 */
function promisesSettled(): Promise<void> {
  return new Promise((resolve) => {
    process.nextTick(resolve);
  });
}

const realImmediate = globalThis.setImmediate;
/** Every so many events the event loop turns. A turn costs as much as a small event. */
const EVENTS_A_TURN = 32;

/**
 * Lets the real event loop turn once. Only then does Node tell of rejections that nobody handles, and clean up behind what was
 * collected: without it, both would pile up until the process ends.
 */
export function eventLoopTurn(): Promise<void> {
  return new Promise((resolve) => {
    realImmediate(resolve);
  });
}

export class Scheduler {
  /** Microseconds since the start. */
  now = 0;
  /** Events run so far. */
  events = 0;
  #order = 0;
  readonly #heap: ScheduledEvent[] = [];

  /** Runs `action` after `delay` microseconds (a whole number >= 0). */
  after(delay: number, action: () => void): void {
    this.#push({ time: this.now + delay, order: this.#order++, action });
  }

  /**
   * Runs events until `done` answers true (asked before each event) or none is left. `check` runs after each event and
   * its promises.
   */
  async run(done: () => boolean, check: () => void): Promise<void> {
    await promisesSettled();
    await promisesSettled();
    while (!done()) {
      const event = this.#pop();
      if (event === undefined) return;
      this.now = event.time;
      this.events++;
      event.action();
      await promisesSettled();
      if (this.events % EVENTS_A_TURN === 0) await eventLoopTurn();
      check();
    }
  }

  #push(event: ScheduledEvent): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as ScheduledEvent;
      if (before(above, event)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): ScheduledEvent | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      const right = heap[child + 1];
      if (right !== undefined && before(right, heap[child] as ScheduledEvent)) child++;
      const below = heap[child] as ScheduledEvent;
      if (before(last, below)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function before(a: ScheduledEvent, b: ScheduledEvent): boolean {
  return a.time < b.time || (a.time === b.time && a.order < b.order);
}
