/**
 * A follower: takes what its leader sends, passes on what only a leader can do, and hears of elections elsewhere
 * (Raft paper, section 5.2).
 */
import { handleAppendEntries, handleHeartbeat, handleSnapshot } from './append-entries.ts';
import { hup } from './election.ts';
import { type Message, MessageType, NONE } from './messages.ts';
import type { Raft } from './raft.ts';
import { type ProposalTaken, STEPPED, type StepResult } from './results.ts';

const FORWARDED: ProposalTaken = { ok: true, term: 0, index: 0, ignoredConfChange: null };

/** Passes a message on to the leader; a copy, as the one received is not ours to change. */
function forward(raft: Raft, message: Message): void {
  raft.send({ ...message, to: raft.lead });
}

function forwardProposal(raft: Raft, message: Message): StepResult {
  if (raft.lead === NONE) return { ok: false, reason: 'no-leader', leader: NONE };
  if (raft.config.disableProposalForwarding) return { ok: false, reason: 'forwarding-disabled', leader: raft.lead };
  forward(raft, message);
  return FORWARDED;
}

function heardFromLeader(raft: Raft, leader: number): void {
  raft.electionElapsed = 0;
  raft.lead = leader;
}

/** Follower: a message of the current term. */
export function stepFollower(raft: Raft, message: Message): StepResult {
  switch (message.type) {
    case MessageType.MsgProp:
      return forwardProposal(raft, message);
    case MessageType.MsgApp:
      heardFromLeader(raft, message.from);
      handleAppendEntries(raft, message);
      break;
    case MessageType.MsgHeartbeat:
      heardFromLeader(raft, message.from);
      handleHeartbeat(raft, message);
      break;
    case MessageType.MsgSnap:
      heardFromLeader(raft, message.from);
      handleSnapshot(raft, message);
      break;
    case MessageType.MsgTransferLeader:
    case MessageType.MsgReadIndex:
      if (raft.lead !== NONE) forward(raft, message);
      break;
    case MessageType.MsgForgetLeader:
      // With lease reads a forgotten leader could be replaced while it still answers from its lease.
      if (raft.config.readOnlyOption !== 'lease-based') raft.lead = NONE;
      break;
    case MessageType.MsgTimeoutNow:
      hup(raft, 'transfer');
      break;
    case MessageType.MsgReadIndexResp: {
      const [request, ...more] = message.entries;
      if (request !== undefined && more.length === 0) {
        raft.readStates.push({ index: message.index, context: request.data });
      }
      break;
    }
    default:
  }
  return STEPPED;
}
