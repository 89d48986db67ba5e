/**
 * What a member is made of. Shapes only.
 */
import type { Logger } from '../telemetry/logger.ts';
import type { DriverParts } from './driver-ports.ts';
import type { MemberInfo } from './member.ts';
import type { Beginning } from './replicated-node.ts';
import type { Transport } from './transport.ts';

export interface MemberParts extends DriverParts {
  readonly self: MemberInfo;
  readonly beginning: Beginning;
  /** Of a cluster of one that is to be made now; null when there is nothing to make, or others have a say. */
  readonly ownClusterId: string | null;
  readonly transport: Transport | null;
  readonly logger: Logger;
  readonly joinCluster: (clusterId: string) => Promise<void>;
  /** A cluster id that nobody has. */
  readonly newClusterId: () => string;
  /** Gives back what lies below, such as the lock of the data directory. */
  readonly release: () => Promise<void>;
}
