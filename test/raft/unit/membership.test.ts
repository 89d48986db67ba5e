// Configuration changes: the changer over random histories, the bytes of a change, the tracker.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyChange, type Membership, restoreMembership, simpleChange } from '../../../src/raft/changer.ts';
import {
  type ConfChange,
  confChange,
  ConfChangeTransition,
  ConfChangeType,
  entersJoint,
  LEAVE_JOINT,
  leavesJoint,
} from '../../../src/raft/conf-change.ts';
import { decodeConfChange, encodeConfChange, MAX_CONF_CHANGE_STEPS } from '../../../src/raft/conf-change-codec.ts';
import { type ConfState, EMPTY_CONF_STATE, EntryType, NO_DATA } from '../../../src/raft/messages.ts';
import { ProgressTracker } from '../../../src/raft/tracker.ts';

const defaults = { lastIndex: 7, maxInflightMsgs: 4, maxInflightBytes: Infinity };
const empty: Membership = { confState: EMPTY_CONF_STATE, progress: new Map() };

const singleStep = fc.record({
  type: fc.constantFrom(...Object.values(ConfChangeType)),
  nodeId: fc.oneof(fc.nat(6), fc.constant(Number.MAX_SAFE_INTEGER)),
});
const context = fc.uint8Array({ maxLength: 5 });
const anyChange: fc.Arbitrary<ConfChange> = fc.record({
  transition: fc.constantFrom(...Object.values(ConfChangeTransition)),
  changes: fc.array(singleStep, { maxLength: 4 }),
  context,
});

/** The voters of a majority that two successive configurations could each decide with. */
function overlap(before: ConfState, after: ConfState): boolean {
  const decides = (halves: readonly (readonly number[])[], members: ReadonlySet<number>): boolean =>
    halves.every((half) => half.length === 0 || 2 * half.filter((id) => members.has(id)).length > half.length);
  const all = [...new Set([...before.voters, ...before.votersOutgoing, ...after.voters, ...after.votersOutgoing])];
  for (let subset = 0; subset < 2 ** all.length; subset++) {
    const members = new Set(all.filter((_, i) => (subset >> i) & 1));
    const others = new Set(all.filter((id) => !members.has(id)));
    if (
      decides([before.voters, before.votersOutgoing], members) &&
      decides([after.voters, after.votersOutgoing], others)
    ) {
      return false;
    }
  }
  return true;
}

describe('changer', () => {
  it('comes from any history to configurations that overlap step by step and can be restored', () => {
    fc.assert(
      fc.property(fc.array(anyChange, { maxLength: 12 }), (changes) => {
        let membership = restoreMembership({ ...EMPTY_CONF_STATE, voters: [1, 2, 3] }, defaults);
        for (const change of changes) {
          const outcome = applyChange(membership, change, defaults);
          if (!outcome.ok) {
            expect(outcome.reason).not.toBe('');
            continue;
          }
          const { confState, progress } = outcome.membership;
          expect(confState.voters.length).toBeGreaterThan(0);
          expect(overlap(membership.confState, confState)).toBe(true);
          const { voters, votersOutgoing, learners, learnersNext } = confState;
          const members = new Set([...voters, ...votersOutgoing, ...learners, ...learnersNext]);
          expect(new Set(progress.keys())).toEqual(members);
          expect(restoreMembership(confState, defaults).confState).toEqual(confState);
          membership = outcome.membership;
        }
      }),
      { numRuns: 300 },
    );
  });

  it('does not change what it starts from', () => {
    const before = restoreMembership({ ...EMPTY_CONF_STATE, voters: [1, 2], learners: [3] }, defaults);
    simpleChange(before, [{ type: ConfChangeType.AddNode, nodeId: 3 }], defaults);
    expect(before.confState).toEqual({ ...EMPTY_CONF_STATE, voters: [1, 2], learners: [3] });
    expect(before.progress.get(3)?.isLearner).toBe(true);
  });

  it('keeps the progress of who stays, and probes newcomers from the end of the log', () => {
    const before = restoreMembership({ ...EMPTY_CONF_STATE, voters: [1, 2] }, defaults);
    const second = before.progress.get(2);
    if (second !== undefined) second.match = 5;
    const outcome = simpleChange(before, [{ type: ConfChangeType.AddNode, nodeId: 3 }], defaults);
    expect(outcome.ok && outcome.membership.progress.get(2)?.match).toBe(5);
    expect(outcome.ok && outcome.membership.progress.get(3)).toMatchObject({ match: 0, next: 7, recentActive: true });
  });

  it('refuses a configuration that cannot have come about', () => {
    const overlapping = { ...EMPTY_CONF_STATE, voters: [1], learnersNext: [2] };
    expect(() => restoreMembership(overlapping, defaults)).toThrow(/learnersNext/);
    expect(applyChange(empty, LEAVE_JOINT, defaults)).toMatchObject({ ok: false });
  });
});

describe('bytes of a change', () => {
  it('come back as what they were', () => {
    fc.assert(
      fc.property(anyChange, (change) => {
        const data = encodeConfChange(change, EntryType.ConfChangeV2);
        expect(decodeConfChange({ type: EntryType.ConfChangeV2, data })).toEqual(change);
      }),
    );
    fc.assert(
      fc.property(singleStep, context, (single, note) => {
        const change = confChange([single], ConfChangeTransition.Auto, note);
        const data = encodeConfChange(change, EntryType.ConfChange);
        expect(decodeConfChange({ type: EntryType.ConfChange, data })).toEqual(change);
      }),
    );
  });

  it('are read in one way only: what decodes encodes to the same bytes', () => {
    const types = fc.constantFrom(EntryType.ConfChange, EntryType.ConfChangeV2);
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 12 }),
      fc.tuple(anyChange, fc.nat(20), fc.nat(255)).map(([change, at, byte]) =>
        encodeConfChange(change, EntryType.ConfChangeV2)
          .with(0, 8)
          .map((old, i) => (i === at ? byte : old)),
      ),
    );
    fc.assert(
      fc.property(types, bytes, (type, data) => {
        const change = decodeConfChange({ type, data });
        if (change === undefined || (type === EntryType.ConfChangeV2 && data.length === 0)) return;
        expect(encodeConfChange(change, type)).toEqual(Uint8Array.from(data));
      }),
      { numRuns: 2_000 },
    );
  });

  it('are those of the protocol', () => {
    const add = { type: ConfChangeType.AddNode, nodeId: 300 };
    const learner = { type: ConfChangeType.AddLearnerNode, nodeId: 2 };
    expect([...encodeConfChange(confChange([add]), EntryType.ConfChange)]).toEqual([8, 0, 16, 0, 24, 0xac, 2]);
    const joint = confChange([add, learner], ConfChangeTransition.JointExplicit, Uint8Array.of(9));
    const bytes = [8, 2, 18, 5, 8, 0, 16, 0xac, 2, 18, 4, 8, 3, 16, 2, 26, 1, 9];
    expect([...encodeConfChange(joint, EntryType.ConfChangeV2)]).toEqual(bytes);
  });

  it('may be none at all: that leaves a joint configuration', () => {
    expect(decodeConfChange({ type: EntryType.ConfChangeV2, data: NO_DATA })).toEqual(LEAVE_JOINT);
    expect(decodeConfChange({ type: EntryType.ConfChange, data: NO_DATA })).toBeUndefined();
    expect(decodeConfChange({ type: EntryType.Normal, data: NO_DATA })).toBeUndefined();
  });

  it('hold as many steps as allowed, and not one more', () => {
    const steps = (count: number): ConfChange =>
      confChange(Array.from({ length: count }, (_, i) => ({ type: ConfChangeType.AddNode, nodeId: i + 1 })));
    const most = encodeConfChange(steps(MAX_CONF_CHANGE_STEPS), EntryType.ConfChangeV2);
    expect(decodeConfChange({ type: EntryType.ConfChangeV2, data: most })?.changes).toHaveLength(MAX_CONF_CHANGE_STEPS);
    expect(() => encodeConfChange(steps(MAX_CONF_CHANGE_STEPS + 1), EntryType.ConfChangeV2)).toThrow(/1001 steps/);
    const more = Uint8Array.of(...most, 18, 4, 8, 0, 16, 1);
    expect(decodeConfChange({ type: EntryType.ConfChangeV2, data: more })).toBeUndefined();
  });
});

describe('the way a change takes', () => {
  const one = [{ type: ConfChangeType.AddNode, nodeId: 1 }];
  it.each([
    { change: confChange([]), leaves: true, enters: 'no' },
    { change: confChange(one), leaves: false, enters: 'no' },
    { change: confChange([...one, ...one]), leaves: false, enters: 'auto-leave' },
    { change: confChange(one, ConfChangeTransition.JointImplicit), leaves: false, enters: 'auto-leave' },
    { change: confChange(one, ConfChangeTransition.JointExplicit), leaves: false, enters: 'explicit-leave' },
    { change: confChange([], ConfChangeTransition.JointExplicit), leaves: false, enters: 'explicit-leave' },
  ])('%o', ({ change, leaves, enters }) => {
    expect(leavesJoint(change)).toBe(leaves);
    expect(entersJoint(change)).toBe(enters);
  });
});

describe('ProgressTracker', () => {
  function trackerOf(confState: Partial<ConfState>): ProgressTracker {
    const tracker = new ProgressTracker();
    const membership = restoreMembership({ ...EMPTY_CONF_STATE, ...confState }, defaults);
    tracker.reset(membership.confState, membership.progress);
    return tracker;
  }

  it('lists members in order of their ids, learners among them', () => {
    const tracker = trackerOf({ voters: [2, 10, 100], learners: [9] });
    expect(tracker.ids).toEqual([2, 9, 10, 100]);
    expect(tracker.voterIds()).toEqual([2, 10, 100]);
  });

  it('commits by the voters alone', () => {
    const tracker = trackerOf({ voters: [1, 2, 3], learners: [4] });
    for (const [id, match] of [
      [1, 5],
      [4, 9],
    ] as const) {
      const progress = tracker.get(id);
      if (progress !== undefined) progress.match = match;
    }
    expect(tracker.committed()).toBe(0);
    const second = tracker.get(2);
    if (second !== undefined) second.match = 3;
    expect(tracker.committed()).toBe(3);
  });

  it('is active with a quorum of voters heard of, learners not counted', () => {
    const tracker = trackerOf({ voters: [1, 2, 3], learners: [4, 5] });
    for (const id of [2, 3]) {
      const progress = tracker.get(id);
      if (progress !== undefined) progress.recentActive = false;
    }
    expect(tracker.quorumActive()).toBe(false);
    const third = tracker.get(3);
    if (third !== undefined) third.recentActive = true;
    expect(tracker.quorumActive()).toBe(true);
  });

  it('is a singleton with one voter and no other half', () => {
    expect(trackerOf({ voters: [1], learners: [2] }).isSingleton).toBe(true);
    expect(trackerOf({ voters: [1], votersOutgoing: [2] }).isSingleton).toBe(false);
    expect(trackerOf({ voters: [1, 2] }).isSingleton).toBe(false);
  });
});
