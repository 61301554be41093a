import type { HonoRequest } from 'hono'

/** The fields of one of our pages' forms. What is of another type is none of them: it has no fields, and no parser is asked. */
export async function formFields(request: HonoRequest): Promise<Readonly<Record<string, unknown>>> {
  const isForm = /^application\/x-www-form-urlencoded *(;|$)/i.test(request.header('content-type') ?? '')
  return isForm ? await request.parseBody() : {}
}
