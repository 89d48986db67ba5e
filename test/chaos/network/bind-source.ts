/**
 * Loaded into a member's process before anything else (`--import`), where there are no network namespaces: its connections come from the
 * address in CHAOS_SOURCE, so that a proxy between the members knows whose they are.
 */
import { Socket } from 'node:net';

const source = process.env['CHAOS_SOURCE'];

/** What connect is called with inside of Node: options and a callback in an array. */
type ConnectArguments = [[{ path?: unknown; localAddress?: string | undefined }, ...unknown[]]];

if (source !== undefined) {
  const prototype = Socket.prototype as unknown as { connect: (...args: unknown[]) => Socket };
  const connect = prototype.connect;
  prototype.connect = function (this: Socket, ...args: unknown[]): Socket {
    const [[options]] = args as ConnectArguments;
    if (options.path === undefined) options.localAddress = source;
    return connect.apply(this, args);
  };
}
