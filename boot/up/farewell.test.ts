import { expect, it } from 'vitest'
import { farewell } from './farewell.ts'

const options = {
  signInLink: 'http://127.0.0.1:4750/sign-in?token=t',
  apiPort: 4750,
  httpPort: 80,
  hasWelcome: true,
  env: { SUDO_USER: 'ann', SSH_CONNECTION: '192.0.2.7 50000 192.0.2.1 2222' },
}

it('says where to go, also from another machine', () => {
  const text = farewell(options)
  expect(text).toContain('http://127.0.0.1:4750/sign-in?token=t')
  expect(text).toContain('http://welcome.localhost\n')
  expect(text).toContain('ssh -L 4750:127.0.0.1:4750 -p 2222 ann@192.0.2.1\n')
  expect(text).toContain('ssh -L 8080:127.0.0.1:80 -p 2222 ann@192.0.2.1\n')
  expect(text).toContain('http://welcome.localhost:8080\n')
})

it('knows other ports, and does without the welcome application', () => {
  expect(farewell({ ...options, httpPort: 8081 })).toContain('ssh -L 8081:127.0.0.1:8081 ')
  expect(farewell({ ...options, hasWelcome: false })).not.toContain('welcome')
})
