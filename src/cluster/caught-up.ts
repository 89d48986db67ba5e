/**
 * When a member counts as caught up with its leader. The operator, which imports nothing of this, has the same number; a test compares them.
 */

/** How far a member may be behind its leader, in entries: what is asked of a learner before it gets a vote. */
export const CAUGHT_UP_ENTRIES = 1000;
