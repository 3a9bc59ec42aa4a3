import { bindMountDriver } from '@polis/driver-bind-mount'
import { dockerDriver } from '@polis/driver-docker'
import { haproxyDriver } from '@polis/driver-haproxy/driver'
import { ociRegistryDriver } from '@polis/driver-oci-registry'
import { postgresqlDriver } from '@polis/driver-postgresql'
import { swarmDriver } from '@polis/driver-swarm/driver'
import type { Driver } from '@polis/hal/driver'
import type { Config } from '../config.ts'

/** Every driver that an agent brings along. */
export function driversOf(config: Config): readonly Driver[] {
  const { dockerSocketPath, containerdSocketPath, imagesDir: stockImagesDir } = config
  return [
    swarmDriver({ dockerSocketPath, containerdSocketPath }),
    bindMountDriver(),
    haproxyDriver(),
    dockerDriver({ dockerSocketPath }),
    ociRegistryDriver({ dockerSocketPath, stockImagesDir }),
    postgresqlDriver({ dockerSocketPath, stockImagesDir }),
  ]
}
