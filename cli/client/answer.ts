import { ERROR_CODES, type ErrorCode, PolisError, type Problem } from '@polis/lib/error'
import { isRecord, textOf } from './unknown.ts'

/** The error that an answer of the API tells of, whatever is around it. */
export function toError(errors: unknown, doing: string): PolisError {
  const [first] = Array.isArray(errors) ? (errors as readonly unknown[]) : []
  if (!isRecord(first)) return new PolisError('Internal', `${doing}: the answer cannot be read`)
  const extensions = isRecord(first['extensions']) ? first['extensions'] : {}
  const problem = toProblem({ message: first['message'], ...extensions })
  const listed = extensions['problems']
  const problems = Array.isArray(listed) ? listed.map((found: unknown) => toProblem(found)) : []
  const { code, path, message, hint } = problem
  return new PolisError(code, message, {
    path,
    ...(hint === undefined ? {} : { hint }),
    ...(problems.length === 0 ? {} : { problems }),
  })
}

function toProblem(found: unknown): Problem {
  const fields = isRecord(found) ? found : {}
  const hint = textOf(fields['hint'])
  const file = textOf(fields['file'])
  const { line, column } = fields
  return {
    code: toCode(fields['code']),
    path: textOf(fields['path']) ?? '',
    message: textOf(fields['message']) ?? 'the server says nothing about it',
    ...(hint === undefined ? {} : { hint }),
    ...(file === undefined ? {} : { file }),
    ...(typeof line === 'number' ? { line } : {}),
    ...(typeof column === 'number' ? { column } : {}),
  }
}

function toCode(code: unknown): ErrorCode {
  return ERROR_CODES.find((known) => known === code) ?? 'Internal'
}
