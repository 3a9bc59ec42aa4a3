import { ingressConformance } from '@polis/hal/ingress/conformance'
import { openTestDriverHost } from '@polis/test/driver-host'
import { openHaproxySubject } from './test-subject.ts'

ingressConformance(async () => openHaproxySubject(await openTestDriverHost()))
