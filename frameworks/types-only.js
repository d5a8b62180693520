// For TypeScript alone: whoever imports it at run time gets nothing.
export {}
