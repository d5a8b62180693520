import type { MessageFilter } from '../relay/message-filter.ts'
import type { ProviderPath, Route } from '../relay/routes.ts'
import { DeepgramFilter } from './deepgram-filter.ts'
import { OpenAIFilter } from './openai-filter.ts'
import { PERMISSIVE, type Policies, type ResolvedPolicy, resolvePolicy, restrictRoute } from './policy.ts'
import { checkTools, type ServerTool, ToolRunner, type ToolRunnerOptions } from './tools.ts'

/** Whether an agent talks there; what only transcribes calls no tools. */
function isAgent({ path, query }: Route): boolean {
  if (path === '/v1/realtime') return new URLSearchParams(query).get('intent') !== 'transcription'
  return path === '/v1/agent/converse'
}

/** The policies of a relay, and the tools that run in it. */
export class RelayPolicies {
  readonly #policies: ReadonlyMap<string, ResolvedPolicy>
  readonly #tools: readonly ServerTool[]

  /** @throws {TypeError} Where a policy or a tool is not what it must be. */
  constructor(policies: Policies = {}, tools: readonly ServerTool[] = []) {
    checkTools(tools)
    this.#tools = tools
    const paths = Object.keys(policies) as ProviderPath[]
    this.#policies = new Map(paths.map((path) => [path, resolvePolicy(path, policies[path]!)]))
  }

  /** What becomes of a route under its policy. @throws {Refusal} 403 where it is not allowed. */
  restrict(route: Route): Route {
    const policy = this.#policies.get(route.path)
    return policy === undefined ? route : restrictRoute(route, policy)
  }

  /** What judges a session's messages; null where they pass untouched. */
  filter(route: Route, session: Omit<ToolRunnerOptions, 'tools'>): MessageFilter | null {
    const { path, provider } = route
    const tools = isAgent(route) ? this.#tools : []
    const policy = this.#policies.get(path)
    if (policy === undefined && tools.length === 0) return null
    const runner = tools.length === 0 ? null : new ToolRunner({ ...session, tools })
    const Filter = provider === 'openai' ? OpenAIFilter : DeepgramFilter
    return new Filter(policy ?? PERMISSIVE, runner)
  }
}
