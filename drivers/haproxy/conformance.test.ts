import { ingressConformance } from '@polis/hal/ingress/conformance'
import { openTestDriverHost } from '@polis/test/driver-host'
import { vi } from 'vitest'
import { openHaproxySubject } from './test-subject.ts'

// Engines take their time on a busy machine.
vi.setConfig({ testTimeout: 60_000 })

ingressConformance(async () => openHaproxySubject(await openTestDriverHost()))
