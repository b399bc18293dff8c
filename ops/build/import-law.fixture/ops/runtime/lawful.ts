// lawful
export interface Logger { level: string }
