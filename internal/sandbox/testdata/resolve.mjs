// The vendor's package is written for bundlers: it imports directories and
// files without extension, which node refuses. This hook resolves them.
export async function resolve(specifier, context, next) {
  try {
    return await next(specifier, context);
  } catch (error) {
    for (const ending of ['.js', '/index.js']) {
      try { return await next(specifier + ending, context); } catch { /* the next one */ }
    }
    throw error;
  }
}
