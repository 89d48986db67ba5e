/**
 * Mistakes in quorums and membership changes of the core.
 */
import type { PlantedFault } from './fault.ts';

export const MEMBERSHIP_FAULTS: readonly PlantedFault[] = [
  {
    name: 'quorum-one-short',
    mistake: 'half of the voters is taken for a majority',
    file: 'src/raft/quorum.ts',
    find: 'const quorum = Math.floor(count / 2) + 1;',
    replace: 'const quorum = Math.max(1, Math.floor(count / 2));',
    caughtBy: { seeds: 50 },
  },
  {
    name: 'joint-commit-by-incoming-half',
    mistake: 'in a joint configuration the incoming half commits alone',
    file: 'src/raft/quorum.ts',
    find: 'return Math.min(incoming, majorityCommittedIndex(config.outgoing, acked));',
    replace: 'return incoming;',
    caughtBy: { seeds: 1_000 },
  },
  {
    name: 'joint-vote-by-incoming-half',
    mistake: 'in a joint configuration the incoming half elects alone',
    file: 'src/raft/quorum.ts',
    find: 'if (incoming === outgoing) return incoming;',
    replace: 'if (incoming >= 0) return incoming;',
    caughtBy: { scenario: 'both halves of a joint configuration elect' },
  },
  {
    name: 'learner-counted',
    mistake: 'learners count for commits',
    file: 'src/raft/tracker.ts',
    find: 'return jointCommittedIndex(this.#voters, this.#matchOf);',
    replace: 'return jointCommittedIndex({ incoming: this.#ids, outgoing: this.#voters.outgoing }, this.#matchOf);',
    caughtBy: { seeds: 1_000 },
  },
  {
    name: 'removed-leader-stays',
    mistake: 'a leader that has applied its own removal goes on leading',
    file: 'src/raft/membership.ts',
    find: 'if (raft.config.stepDownOnRemoval) raft.becomeFollower(raft.term, NONE);',
    replace: '',
    caughtBy: { seeds: 1_000 },
  },
  {
    name: 'configuration-kept-over-snapshot',
    mistake: 'a snapshot replaces the log and not the configuration',
    file: 'src/raft/append-entries.ts',
    find: '  restoreConfState(raft, snapshot.confState);\n',
    replace: '',
    caughtBy: { seeds: 1_000 },
  },
  {
    name: 'auto-leave-forgotten',
    mistake: 'nobody leaves a joint configuration that is to end by itself',
    file: 'src/raft/proposals.ts',
    find: 'if (applied >= raft.pendingConfIndex) appendProposals(raft, [AUTO_LEAVE]);',
    replace: '',
    caughtBy: { seeds: 1_000 },
  },
  {
    name: 'second-change-while-one-is-pending',
    mistake: 'a configuration change is taken while another is not applied',
    file: 'src/raft/proposals.ts',
    find: 'if (raft.pendingConfIndex > applied) {',
    replace: 'if (raft.pendingConfIndex < 0) {',
    caughtBy: { scenario: 'one membership change at a time' },
  },
  {
    name: 'members-in-order-of-arrival',
    mistake: 'the configuration lists members in the order in which they came',
    file: 'src/raft/quorum.ts',
    find: 'return [...new Set(ids)].sort((a, b) => a - b);',
    replace: 'return [...new Set(ids)];',
    caughtBy: { seeds: 1_000 },
  },
];
