import type { StandardDevice } from '@polis/kernel/node-reconciler'
import type { Config } from '../config.ts'

/** What every node has from the moment it joins. Names are what people see in `polis device ls`. */
export function standardDevices(config: Config): readonly StandardDevice[] {
  const { edge, allowedVolumeRoots } = config
  return [
    { driver: 'swarm', name: 'swarm', parameters: {} },
    {
      driver: 'bind-mount',
      name: 'volumes',
      parameters: { allowedRoots: [...allowedVolumeRoots] },
    },
    {
      driver: 'haproxy',
      name: 'edge',
      parameters: { httpPort: edge.httpPort, httpsPort: edge.httpsPort },
    },
    { driver: 'docker', name: 'builder', parameters: {} },
  ]
}
