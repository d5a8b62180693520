/** The environment or a configuration file is wrong; the message is one line that names what, and holds no secret. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError'
}
