/**
 * Mistakes in the driver, the applier, the store and the pipeline, caught by runs of whole nodes.
 */
import type { PlantedFault } from './fault.ts';

const whole = (seeds: number): PlantedFault['caughtBy'] => ({ seeds, nodes: 'whole' });

export const NODE_FAULTS: readonly PlantedFault[] = [
  {
    name: 'acknowledged-before-commit',
    mistake: 'an append is answered when it is proposed, not when it is committed',
    file: 'src/cluster/raft-driver.ts',
    find: 'return { outcome: this.proposals.add(result.index, result.term) };',
    replace: `this.proposals.add(result.index, result.term).catch(() => undefined);
    return { outcome: Promise.resolve('committed' as const) };`,
    caughtBy: whole(60),
  },
  {
    name: 'lost-entry-taken-for-committed',
    mistake: 'a proposal counts as committed when its index is, whichever entry is there',
    file: 'src/cluster/proposals.ts',
    find: "resolve(entries[index - first.index]?.term === term ? 'committed' : 'lost-race');",
    replace: "resolve(term > 0 ? 'committed' : 'lost-race');",
    caughtBy: whole(400),
  },
  {
    name: 'decides-before-own-term-is-applied',
    mistake: 'a new leader decides before it has applied an entry of its own term',
    file: 'src/cluster/raft-driver.ts',
    find: 'return this.leading && this.#ownTermIndex > 0 && this.applier.appliedIndex >= this.#ownTermIndex;',
    replace: 'return this.leading;',
    caughtBy: whole(200),
  },
  {
    name: 'epoch-of-the-past-accepted',
    mistake: 'a leader commits what it decided in an earlier term, with the in-flight state of that time',
    file: 'src/cluster/replicated-store.ts',
    find: 'return this.#driver.term === epoch && this.#driver.deciding;',
    replace: 'return epoch > 0 && this.#driver.deciding;',
    caughtBy: whole(600),
  },
  {
    name: 'tail-kept-across-terms',
    mistake: 'a new term goes on where this member had stopped in its last one',
    file: 'src/cluster/replicated-store.ts',
    find: 'if (this.#epoch !== term) this.#tail = this.#state.tail();',
    replace: 'if (this.#epoch === 0) this.#tail = this.#state.tail();',
    caughtBy: whole(100),
  },
  {
    name: 'decided-on-a-lost-group',
    mistake: 'what was decided on top of a group that did not commit is committed all the same',
    file: 'src/cluster/replicated-store.ts',
    find: 'if (this.#broken || !fits || ',
    replace: 'if (',
    caughtBy: whole(600),
  },
  {
    name: 'responses-before-sync',
    mistake: 'the driver releases the responses of a task before its entries are durable',
    file: 'src/cluster/append-tasks.ts',
    find: 'written: !task.mustSync };',
    replace: 'written: task.entries.length >= 0 };',
    caughtBy: whole(100),
  },
  {
    name: 'barrier-without-asking',
    mistake: 'a member that leads, as far as it knows, answers reads without asking the others',
    file: 'src/cluster/replicated-store.ts',
    find: 'await this.#driver.applier.waitForIndex(await this.#driver.reads.read(signal), signal);',
    replace: `if (!this.#driver.leading)
      await this.#driver.applier.waitForIndex(await this.#driver.reads.read(signal), signal);`,
    caughtBy: whole(300),
  },
  {
    name: 'barrier-skipped-on-followers',
    mistake: 'a follower answers linearizable reads from what it has applied',
    file: 'src/cluster/replicated-store.ts',
    find: 'await this.#driver.applier.waitForIndex(await this.#driver.reads.read(signal), signal);',
    replace: `if (this.#driver.leading)
      await this.#driver.applier.waitForIndex(await this.#driver.reads.read(signal), signal);`,
    caughtBy: whole(60),
  },
  {
    name: 'read-does-not-wait-for-apply',
    mistake: 'a linearizable read learns the index that it needs, and does not wait until that is applied',
    file: 'src/cluster/replicated-store.ts',
    find: 'await this.#driver.applier.waitForIndex(await this.#driver.reads.read(signal), signal);',
    replace: 'await this.#driver.reads.read(signal);',
    caughtBy: whole(60),
  },
  {
    name: 'reader-joins-older-round',
    mistake: 'a read that comes during a round of ReadIndex is answered by that round',
    file: 'src/cluster/read-rounds.ts',
    find: '    const readers = this.#reading;\n',
    replace: `    const readers = new Set([...this.#reading, ...this.#waiting]);
    this.#waiting = new Set();
`,
    caughtBy: whole(1_000),
  },
  {
    name: 'at-least-not-waited-for',
    mistake: 'a read at a position does not wait until the member has it',
    file: 'src/pipeline/read/consistency.ts',
    find: 'if (store.appliedEnd > position) return;',
    replace: 'if (store.appliedEnd >= 0) return;',
    caughtBy: whole(100),
  },
  {
    name: 'applied-index-apart-from-data',
    mistake: 'the applied index is written before the data that it stands for, not with it',
    file: 'src/storage/event-state/event-state.ts',
    find: '    await this.#keyValue.write((batch) => {\n      const heads',
    replace: `    await this.#keyValue.write((batch) => {
      batch.put(metaKeys.applied, encodeApplied(applied));
    });
    await this.#keyValue.write((batch) => {
      const heads`,
    caughtBy: whole(100),
  },
  {
    name: 'data-apart-from-applied-index',
    mistake: 'the applied index is written after the data that it stands for, so that entries are applied again',
    file: 'src/storage/event-state/event-state.ts',
    find: '      batch.put(metaKeys.applied, encodeApplied(applied));\n    });',
    replace: `    });
    await this.#keyValue.write((batch) => {
      batch.put(metaKeys.applied, encodeApplied(applied));
    });`,
    caughtBy: whole(300),
  },
  {
    name: 'configuration-not-kept',
    mistake: 'a configuration change takes effect, and is not written with the entry that made it',
    file: 'src/storage/event-state/event-state.ts',
    find: 'if (confState !== null && confState !== this.#confState) batch.put(metaKeys.confState, confState);',
    replace: 'if (confState !== null && this.#confState === null) batch.put(metaKeys.confState, confState);',
    caughtBy: whole(200),
  },
  {
    name: 'snapshot-lacks-last-record',
    mistake: 'the last records of a snapshot are not sent',
    file: 'src/cluster/snapshot-source.ts',
    find: 'if (appends.length > 0) yield toChunk(appends);',
    replace: 'if (appends.length > 1) yield toChunk(appends.slice(0, -1));',
    caughtBy: whole(200),
  },
  {
    name: 'snapshot-lacks-event-ids',
    mistake: 'records that come with a snapshot are not entered into the index of event ids',
    file: 'src/storage/event-state/event-state.ts',
    find: 'eventIds.write(batch);',
    replace: 'if (next.index !== this.#applied.index) eventIds.write(batch);',
    caughtBy: whole(600),
  },
  {
    name: 'snapshot-records-not-flushed',
    mistake: 'a snapshot takes the place of the log before its records are durable',
    file: 'src/cluster/snapshot-reception.ts',
    find: '        await this.#state.flush();\n',
    replace: '',
    caughtBy: whole(1_500),
  },
  {
    name: 'log-cut-before-flush',
    mistake: 'the log forgets entries that the state has applied, but not made durable',
    file: 'src/cluster/log-compactor.ts',
    find: '    await state.flush();\n',
    replace: '',
    caughtBy: whole(100),
  },
  {
    name: 'pending-snapshot-forgotten',
    mistake: 'a snapshot that is in the log, and not installed yet, is forgotten at a start',
    file: 'src/cluster/open-replicated-store.ts',
    find: 'if (pendingSnapshot === null && !isUndescribed) return log;',
    replace: 'if (pendingSnapshot !== undefined && !isUndescribed) return log;',
    caughtBy: whole(600),
  },
  {
    name: 'entries-below-snapshot-applied',
    mistake: 'records that a snapshot has brought are applied again with their entries',
    file: 'src/storage/event-state/event-state.ts',
    find: 'const { repeated, appends } = recordsBehind(group, nextPosition);',
    replace: 'const { repeated, appends } = { ...recordsBehind(group, nextPosition), appends: group.appends };',
    caughtBy: whole(300),
  },
  {
    name: 'retry-applied-twice',
    mistake: 'an append that is sent again is appended again',
    file: 'src/domain/decide.ts',
    find: '  if (stream === undefined) return null;\n  let firstRevision',
    replace: "  if (stream === undefined || part.expectedVersion.kind === 'any') return null;\n  let firstRevision",
    caughtBy: whole(20),
  },
  {
    name: 'in-flight-duplicate-unseen',
    mistake: 'the ids of appends that are on their way are not looked at',
    file: 'src/pipeline/append/decision-overlay.ts',
    find: 'return this.#inFlight?.revisionOf(eventId) ?? this.#applied?.get(eventId);',
    replace: 'return this.#inFlight === null ? undefined : this.#applied?.get(eventId);',
    caughtBy: whole(100),
  },
  {
    name: 'in-flight-condition-unseen',
    mistake: 'conditions are judged by applied events alone',
    file: 'src/pipeline/append/decision-overlay.ts',
    find: 'return applied ?? this.#inFlight.conditionMatch(condition);',
    replace: 'return applied;',
    caughtBy: whole(300),
  },
  {
    name: 'in-flight-dropped-after-load',
    mistake: 'what is applied leaves the in-flight state while facts from before that are in use',
    file: 'src/pipeline/append/append-pipeline.ts',
    find: '      if (this.#groups.broken) {\n        this.#admission.putBack(group);\n        return;\n      }\n      const { clock',
    replace: '      inFlight.dropApplied(this.#store.appliedEnd);\n      const { clock',
    caughtBy: whole(300),
  },
  {
    name: 'refusal-not-confirmed',
    mistake: 'a refusal, or a repetition found, is answered by a leader that may have been deposed',
    file: 'src/pipeline/append/groups-in-flight.ts',
    find: 'encoded === null ? this.#confirm(epoch) :',
    replace: "encoded === null ? Promise.resolve('empty' as const) :",
    caughtBy: whole(1_500),
  },
  {
    name: 'time-goes-back',
    mistake: 'the time of an append is that of the clock of whoever leads',
    file: 'src/pipeline/append/in-flight-state.ts',
    find: 'return Math.max(now, this.#lastCreatedAt);',
    replace: 'return now;',
    caughtBy: whole(100),
  },
  {
    name: 'subscription-attaches-late',
    mistake: 'a subscription that has caught up misses what is applied while it attaches',
    file: 'src/pipeline/subscribe/live-hub.ts',
    find: 'if (append.firstPosition < this.#end) continue;',
    replace:
      'if (append.firstPosition < this.#end || append.firstPosition % 7 === 3) {\n        this.#end = Math.max(this.#end, append.firstPosition + append.count);\n        continue;\n      }',
    caughtBy: whole(100),
  },
];
