import { describe, type Issue } from './schema.ts'

/** The `error` object of OpenAI's error events and HTTP answers. */
export interface OpenAIErrorBody {
  readonly type: 'invalid_request_error' | 'server_error'
  readonly code: string | null
  readonly message: string
  readonly param: string | null
}

/** A request that OpenAI refuses; the session goes on. */
export class OpenAIError extends Error {
  readonly body: OpenAIErrorBody

  constructor(code: string | null, message: string, param: string | null = null) {
    super(message)
    this.body = { type: 'invalid_request_error', code, message, param }
  }
}

/** What OpenAI says of a value that does not fit. */
export function errorOfIssue({ kind, path, expected, value }: Issue): OpenAIError {
  switch (kind) {
    case 'missing':
      return new OpenAIError('missing_required_parameter', `Missing required parameter: '${path}'.`, path)
    case 'unknown':
      return new OpenAIError('unknown_parameter', `Unknown parameter: '${path}'.`, path)
    case 'type': {
      const got = `Invalid type for '${path}': expected ${expected}, but got ${describe(value)} instead.`
      return new OpenAIError('invalid_type', got, path)
    }
    case 'value': {
      const shown = JSON.stringify(value).slice(0, 64)
      return new OpenAIError(
        'invalid_value',
        `Invalid value: ${shown}. Supported values are: ${expected}.`,
        path,
      )
    }
  }
}
