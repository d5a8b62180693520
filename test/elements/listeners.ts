export interface ListenerCount extends Disposable {
  /** How many listeners the targets have that were added since the count began. */
  readonly count: () => number
}

/** Counts the listeners on targets that outlive an element, such as the document. */
export function countListeners(...targets: EventTarget[]): ListenerCount {
  const live = new Set<string>()
  const ids = new Map<unknown, number>()
  const id = (listener: unknown): number => {
    if (!ids.has(listener)) ids.set(listener, ids.size)
    return ids.get(listener) ?? 0
  }
  for (const [index, target] of targets.entries()) {
    const { addEventListener, removeEventListener } = target
    target.addEventListener = (type: string, listener: never, options?: AddEventListenerOptions): void => {
      const key = `${index} ${type} ${id(listener)}`
      live.add(key)
      if (typeof options === 'object') options.signal?.addEventListener('abort', () => live.delete(key))
      addEventListener.call(target, type, listener, options)
    }
    target.removeEventListener = (type: string, listener: never, options?: EventListenerOptions): void => {
      live.delete(`${index} ${type} ${id(listener)}`)
      removeEventListener.call(target, type, listener, options)
    }
  }
  return {
    count: () => live.size,
    [Symbol.dispose]: () => {
      for (const target of targets) {
        Reflect.deleteProperty(target, 'addEventListener')
        Reflect.deleteProperty(target, 'removeEventListener')
      }
    },
  }
}
