/**
 * The member of a cluster that a server is: from settings to the port for other members and the replicated store behind it. A
 * server that was told of no others is a cluster of one, and opens no such port.
 */
import { openReplicatedStore } from '../../cluster/open-replicated-store.ts';
import type { Beginning, ReplicatedNode } from '../../cluster/replicated-node.ts';
import type { Transport } from '../../cluster/transport.ts';
import { splitAddress } from '../../config/address-setting.ts';
import type { Settings } from '../../config/settings.ts';
import { GrpcTransport } from '../../grpc/peer/grpc-transport.ts';
import type { Clock } from '../../lib/clock.ts';
import { printHostPort } from '../../lib/tcp-reach.ts';
import type { ClusterObserver } from '../../telemetry/cluster-observer.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { listenFailure } from '../failure.ts';
import { readPeerTls } from './read-pem.ts';

/** What a member needs of its process. */
export interface MemberContext {
  readonly logger: Logger;
  readonly clock: Clock;
  readonly observer: ClusterObserver;
  readonly onFatal: (error: unknown) => void;
}

const DEFAULT_PEER_PORT = 4002;

/** Opens it. Rejects like openReplicatedStore, and with a CommandFailure when the port for members cannot be listened on. */
export async function openMember(settings: Settings, context: MemberContext): Promise<ReplicatedNode> {
  const { logger, clock, observer } = context;
  const { name, advertiseClient, host, port, heartbeatInterval, electionTimeout } = settings;
  const transport = hasOthers(settings) ? await listenForPeers(settings, context) : null;
  try {
    return await openReplicatedStore(settings.dataDirectory, {
      clock,
      logger,
      observer,
      name,
      transport,
      beginning: beginningOf(settings),
      peerAddress: transport === null ? '' : peerAddressOf(settings),
      clientAddress: advertiseClient ?? printHostPort({ host, port }),
      segmentBytes: settings.segmentSize,
      settings: {
        trimBytes: settings.logSize,
        keepBytes: settings.logSize,
        tickMillis: heartbeatInterval,
        heartbeatTicks: 1,
        electionTicks: Math.round(electionTimeout / heartbeatInterval),
      },
    });
  } catch (error) {
    await transport?.stop();
    throw error;
  }
}

async function listenForPeers(settings: Settings, context: MemberContext): Promise<Transport> {
  const { logger, clock, onFatal } = context;
  const host = peerHostOf(settings);
  const port = peerPortOf(settings);
  const transport = new GrpcTransport({ host, port, tls: readPeerTls(settings), clock, logger, onFatal });
  try {
    const bound = await transport.listen();
    logger.info('listening for members', { ...bound, advertised: peerAddressOf(settings) });
    return transport;
  } catch (error) {
    throw listenFailure(error, 'members', host, port);
  }
}

function hasOthers({ initialMembers, join, waitForCluster, peerPort }: Settings): boolean {
  return initialMembers !== null || join !== null || waitForCluster || peerPort !== null;
}

function beginningOf({ initialMembers, join, waitForCluster }: Settings): Beginning {
  if (waitForCluster) return { kind: 'wait' };
  if (initialMembers !== null) return { kind: 'initial-members', members: initialMembers };
  if (join !== null) return { kind: 'join', addresses: join };
  return { kind: 'alone' };
}

/** The address of this member in the static list, when there is one. */
function listedAddress({ initialMembers, name }: Settings): string | null {
  return initialMembers?.find((member) => member.name === name)?.address ?? null;
}

function peerHostOf({ peerHost, host }: Settings): string {
  return peerHost ?? host;
}

function peerPortOf(settings: Settings): number {
  const listed = listedAddress(settings);
  return settings.peerPort ?? (listed === null ? undefined : splitAddress(listed)?.port) ?? DEFAULT_PEER_PORT;
}

function peerAddressOf(settings: Settings): string {
  return (
    settings.advertisePeer ??
    listedAddress(settings) ??
    printHostPort({ host: peerHostOf(settings), port: peerPortOf(settings) })
  );
}
