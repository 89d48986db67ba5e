/**
 * An incoming stream of Raft messages: a greeting, then messages, handed on in the order in which they came. Ends with an error
 * at the first thing that is not as it should be; the sender connects again.
 */
import type { ServerInterceptingCallInterface } from '@grpc/grpc-js';
import { StoreError } from '../../domain/errors.ts';
import { invalidArgument } from '../../domain/validate-text.ts';
import type { CallContext } from '../call-context.ts';
import { MessagesRequest, MessagesResponse } from '../gen/graveyar/raft/v1/peer.ts';
import { decodeRequest } from '../request-reader.ts';
import { ServerCall } from '../server-call.ts';
import { readMessages } from './message-reader.ts';
import type { IncomingCall, PeerRegistry } from './peer-registry.ts';

const nothing = (): void => undefined;

/** One stream. */
export class MessagesCall extends ServerCall implements IncomingCall {
  readonly #registry: PeerRegistry;
  /** The member that greeted; 0 before. */
  #from = 0;
  /** This member. */
  #to = 0;

  constructor(base: ServerInterceptingCallInterface, context: CallContext, method: string, registry: PeerRegistry) {
    super(base, context, method, context.clock.monotonicMillis());
    this.#registry = registry;
    context.add(this);
  }

  onReceiveMessage(bytes: Uint8Array): void {
    if (this.ended) return;
    try {
      if (this.#from === 0) this.#greet(bytes);
      else {
        for (const message of readMessages(bytes, this.#from, this.#to)) this.#registry.handler.receive(message);
      }
      this.readMore();
    } catch (error) {
      this.fail(error);
    }
  }

  onReceiveHalfClose(): void {
    this.succeed();
  }

  override onCancel(): void {
    this.#registry.forget(this.#from, this);
    super.onCancel();
  }

  drain(): void {
    this.fail(new StoreError('NOT_SERVING', 'the member is stopping', { reason: 'the member is stopping' }));
  }

  supersede(): void {
    const reason = 'another process of the same member has connected';
    this.fail(new StoreError('NOT_SERVING', reason, { reason }));
  }

  #greet(bytes: Uint8Array): void {
    const { hello } = decodeRequest(MessagesRequest, bytes);
    if (hello === undefined) throw invalidArgument('hello', 'must come first');
    this.#registry.greet(hello, this);
    this.#from = hello.from;
    const { incarnation, self } = this.#registry;
    this.#to = self.member.id;
    this.send(MessagesResponse.encode({ memberId: self.member.id, incarnation }).finish(), nothing);
  }
}
