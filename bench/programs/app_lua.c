/* SPDX-License-Identifier: MIT */
/* Debian's Lua 5.4: tables, strings, closures, objects, patterns; N rounds. */

#include "bench.h"

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

static const char script[] =
    "local rounds = ...\n"
    "local function random(seed) return function() seed = (seed * 1103515245 + 12345) & 0x7fffffff "
    "return seed end end\n"
    "local Account = {} Account.__index = Account\n"
    "function Account.new(k) return setmetatable({sum = k, log = {}}, Account) end\n"
    "function Account:add(k) self.sum = (self.sum + k) & 0xffffff self.log[#self.log + 1] = k "
    "return self end\n"
    "local function sorted(n, next)\n"
    "  local t = {}\n"
    "  for k = 1, n do t[k] = next() % 10007 end\n"
    "  table.sort(t, function(a, b) return a < b end)\n"
    "  return t[1] + t[n // 2] * 3 + t[n] * 7\n"
    "end\n"
    "local function words(n, next)\n"
    "  local t, counts, sum = {}, {}, 0\n"
    "  for k = 1, n do t[k] = string.format('w%d%s', next() % 50, string.char(97 + next() % 26)) "
    "end\n"
    "  for word in table.concat(t, ' '):gmatch('%a%d+') do counts[word] = (counts[word] or 0) + 1 "
    "end\n"
    "  for word, count in pairs(counts) do sum = sum + #word * count * count end\n"
    "  return sum\n"
    "end\n"
    "local function tree(depth)\n"
    "  if depth == 0 then return {1} end\n"
    "  return {depth, tree(depth - 1), tree(depth - 1)}\n"
    "end\n"
    "local function walk(t) return t[2] and t[1] + walk(t[2]) * 2 + walk(t[3]) or t[1] end\n"
    "local next, sum = random(42), 0\n"
    "for round = 1, rounds do\n"
    "  local account = Account.new(round)\n"
    "  for k = 1, 500 do account:add(k * round):add(next() % 100) end\n"
    "  sum = (sum * 31 + account.sum + #account.log + sorted(200, next) + words(100, next) + "
    "walk(tree(7))) & 0xffffffffffff\n"
    "end\n"
    "return sum\n";

static uint64_t lua(struct bench *b, uint64_t n)
{
    lua_State *state = luaL_newstate();
    luaL_openlibs(state);
    bench_check(luaL_loadstring(state, script) == LUA_OK, lua_tostring(state, -1));
    lua_pushinteger(state, (lua_Integer)n);
    bench_begin(b);
    bench_check(lua_pcall(state, 1, 1, 0) == LUA_OK, lua_tostring(state, -1));
    const uint64_t sum = (uint64_t)lua_tointeger(state, -1);
    lua_close(state);
    return sum;
}

const struct benchmark bench_app_lua[] = {
    {"app", "lua", lua, 80, 0},
    {0},
};
