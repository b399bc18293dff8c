/** Types of image-files.mjs. */
export interface ImageFile {
  /** Package the file belongs to; `acgs` for our own. */
  readonly part: string;
  /** Path from the project's root. */
  readonly file: string;
  readonly bytes: number;
}

export const IMAGE_LIMIT_BYTES: number;
export function productionPackages(root?: string): string[];
export function imageFiles(root?: string): ImageFile[];
export function imageTable(files: readonly ImageFile[]): { readonly rows: readonly { readonly part: string; readonly bytes: number }[]; readonly bytes: number; readonly files: number };
export function copyImage(directory: string, root?: string, files?: readonly ImageFile[]): void;
