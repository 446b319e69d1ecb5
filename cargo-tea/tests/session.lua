-- A session with the language server, as somebody has it who edits `src/flow.yaml`. Ends with an error if something is
-- not as expected.
local function check(condition, what)
  if not condition then
    io.stderr:write("session: failed: " .. what .. "\n")
    vim.cmd("cquit 1")
  end
end

local function wait(what, condition)
  check(vim.wait(30000, condition, 20), "waited in vain for " .. what)
end

local ok, problem = pcall(function()
  vim.cmd("edit src/flow.yaml")
  local buffer = vim.api.nvim_get_current_buf()
  local client = vim.lsp.start_client({ name = "tea", cmd = { vim.env.TEA, "lsp" }, root_dir = vim.fn.getcwd() })
  vim.lsp.buf_attach_client(buffer, client)

  -- What is wrong is shown.
  wait("a finding", function() return #vim.diagnostic.get(buffer) == 1 end)
  local finding = vim.diagnostic.get(buffer)[1]
  check(finding.lnum == 9 and finding.col == 29, "the place of the finding: " .. vim.inspect(finding))
  check(finding.message:find("tel", 1, true), "the finding: " .. finding.message)

  local function ask(method, line, column, more)
    local params = vim.tbl_extend("force", {
      textDocument = { uri = vim.uri_from_bufnr(buffer) },
      position = { line = line, character = column },
    }, more or {})
    local answers = vim.lsp.buf_request_sync(buffer, method, params, 30000)
    local answer = answers and answers[client]
    check(answer and not answer.error, method .. ": " .. vim.inspect(answer))
    return answer.result
  end

  -- An action mends it.
  local range = { start = { line = 9, character = 29 }, ["end"] = { line = 9, character = 32 } }
  local actions = ask("textDocument/codeAction", 9, 29, { range = range, context = { diagnostics = {} } })
  check(#actions == 1 and actions[1].title:find("tell", 1, true), "the actions: " .. vim.inspect(actions))
  vim.lsp.util.apply_workspace_edit(actions[1].edit, "utf-16")
  wait("no finding", function() return #vim.diagnostic.get(buffer) == 0 end)

  -- Hover, completion and the definition in the Rust.
  local hover = ask("textDocument/hover", 3, 3)
  check(hover.contents.value:find("count: usize", 1, true), "the hover: " .. vim.inspect(hover))
  local items = ask("textDocument/completion", 9, 12)
  check(#items >= 4, "completion of a node: " .. vim.inspect(items))
  local definition = ask("textDocument/definition", 6, 30)
  check(definition.uri:find("main.rs", 1, true) and definition.range.start.line == 2, "the definition: " .. vim.inspect(definition))

  -- Rename.
  local edit = ask("textDocument/rename", 6, 14, { newName = "counter" })
  vim.lsp.util.apply_workspace_edit(edit, "utf-16")
  wait("the rename", function() return vim.api.nvim_buf_get_lines(buffer, 9, 10, true)[1]:find("counter", 1, true) end)
  vim.cmd("silent write")
end)
check(ok, tostring(problem))
io.stderr:write("session: done\n")
vim.cmd("qall!")
