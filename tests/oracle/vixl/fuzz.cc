// SPDX-License-Identifier: MIT
// Runs random instructions on random registers in VIXL's simulator and in our interpreter, in one
// process, and compares X, SP, PC, V and NZCV afterwards.
//
//   vixl_fuzz [--known FILE] [--group G]... [--row R]... [--fills 64] [--states 16] [--seed 1]
//   [--show 2] [--least 0]
//
// --least N fails when a row that VIXL has ran less than N times. With POMONA_ROWS=FILE a line "vixl ROW CASES" is added to
// FILE for every row.
//
// Only rows that touch registers alone run (FPCR is 0); VIXL aborts at what it does not implement,
// which is caught and counted. Prints the rows that differ with their first cases, exits 1 if there
// are any that FILE does not name.

#include <csetjmp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "aarch64/decoder-aarch64.h"
#include "aarch64/simulator-aarch64.h"

#include "fuzz.h"

namespace
{

using vixl::aarch64::Decoder;
using vixl::aarch64::Instruction;
using vixl::aarch64::Simulator;

struct Options {
    std::set<std::string> rows, groups, known;
    unsigned fills = 64, states = 16, seed = 1, show = 2;
    unsigned long least = 0;
    FILE *rows_file = nullptr;
};

struct Totals {
    unsigned rows = 0, without = 0, wrong_rows = 0, known_rows = 0, scarce = 0;
    unsigned long cases = 0, wrong = 0, aborted = 0;
};

sigjmp_buf after_abort;

void on_abort(int)
{
    siglongjmp(after_abort, 1);
}

// Leaves where VIXL would print and go on.
class Strict : public Simulator
{
  public:
    explicit Strict(Decoder *decoder) : Simulator(decoder, stderr)
    {
    }
    void VisitUnallocated(const Instruction *) override
    {
        siglongjmp(after_abort, 1);
    }
    void VisitUnimplemented(const Instruction *) override
    {
        siglongjmp(after_abort, 1);
    }
};

// The simulator runs code where it lies in host memory.
class Vixl
{
  public:
    Vixl() : simulator_(&decoder_)
    {
        simulator_.SetColouredTrace(false);
    }

    // False where VIXL aborts.
    bool Run(uint32_t word, fuzz_state *state)
    {
        code_[0] = word;
        for (unsigned k = 0; k < 31; k++)
            simulator_.WriteXRegister(k, static_cast<int64_t>(state->x[k]));
        simulator_.WriteXRegister(31, static_cast<int64_t>(state->sp), Simulator::LogRegWrites,
                                  vixl::aarch64::Reg31IsStackPointer);
        for (unsigned k = 0; k < 32; k++) {
            Simulator::qreg_t value;
            memcpy(&value, state->v[k], sizeof(value));
            simulator_.WriteQRegister(k, value);
        }
        simulator_.ReadNzcv().SetRawValue(state->nzcv);
        simulator_.WritePc(reinterpret_cast<const Instruction *>(code_), Simulator::NoBranchLog);
        if (sigsetjmp(after_abort, 1))
            return false;
        simulator_.ExecuteInstruction();
        Store(state);
        return true;
    }

    uint64_t pc() const
    {
        return reinterpret_cast<uint64_t>(code_);
    }

  private:
    void Store(fuzz_state *state)
    {
        for (unsigned k = 0; k < 31; k++)
            state->x[k] = static_cast<uint64_t>(simulator_.ReadXRegister(k));
        state->sp =
            static_cast<uint64_t>(simulator_.ReadXRegister(31, vixl::aarch64::Reg31IsStackPointer));
        for (unsigned k = 0; k < 32; k++) {
            const auto value = simulator_.ReadVRegister<Simulator::qreg_t>(k);
            memcpy(state->v[k], &value, sizeof(value));
        }
        state->nzcv = simulator_.ReadNzcv().GetRawValue();
        state->pc = reinterpret_cast<uint64_t>(simulator_.ReadPc());
    }

    alignas(16) uint32_t code_[4] = {};
    Decoder decoder_;
    Strict simulator_;
};

// Random bits, ends of ranges, small numbers.
uint64_t Value(std::mt19937_64 &rng)
{
    static const uint64_t ends[] = {0,
                                    1,
                                    0x7f,
                                    0x80,
                                    0xff,
                                    0x7fff,
                                    0x8000,
                                    0x7fffffff,
                                    0x80000000,
                                    0xffffffff,
                                    0x100000000,
                                    0x7fffffffffffffff,
                                    0x8000000000000000,
                                    ~0ull};
    switch (rng() & 3) {
    case 0:
        return ends[rng() % (sizeof(ends) / sizeof(ends[0]))];
    case 1:
        return rng() % 130 - 65;
    default:
        return rng();
    }
}

fuzz_state RandomState(std::mt19937_64 &rng, uint64_t pc)
{
    fuzz_state state = {};
    for (uint64_t &x : state.x)
        x = Value(rng);
    state.sp = Value(rng);
    state.pc = pc;
    for (auto &v : state.v)
        v[0] = Value(rng), v[1] = Value(rng);
    state.nzcv = static_cast<uint32_t>(rng() & 15) << 28;
    return state;
}

// Addresses are compared without the byte that VIXL takes for a tag.
bool Equal(const fuzz_state &a, const fuzz_state &b)
{
    return !memcmp(a.x, b.x, sizeof(a.x)) && a.sp == b.sp && !((a.pc ^ b.pc) << 8) &&
           !memcmp(a.v, b.v, sizeof(a.v)) && a.nzcv == b.nzcv;
}

void ShowDifference(const fuzz_state &before, const fuzz_state &theirs, const fuzz_state &ours)
{
    for (unsigned k = 0; k < 31; k++)
        if (theirs.x[k] != ours.x[k])
            printf("        x%u was %lx, VIXL %lx, ours %lx\n", k, before.x[k], theirs.x[k],
                   ours.x[k]);
    if (theirs.sp != ours.sp)
        printf("        sp was %lx, VIXL %lx, ours %lx\n", before.sp, theirs.sp, ours.sp);
    if ((theirs.pc ^ ours.pc) << 8)
        printf("        pc was %lx, VIXL %lx, ours %lx\n", before.pc, theirs.pc, ours.pc);
    for (unsigned k = 0; k < 32; k++)
        if (memcmp(theirs.v[k], ours.v[k], 16))
            printf("        v%u was %016lx:%016lx, VIXL %016lx:%016lx, ours %016lx:%016lx\n", k,
                   before.v[k][1], before.v[k][0], theirs.v[k][1], theirs.v[k][0], ours.v[k][1],
                   ours.v[k][0]);
    if (theirs.nzcv != ours.nzcv)
        printf("        nzcv was %08x, VIXL %08x, ours %08x\n", before.nzcv, theirs.nzcv,
               ours.nzcv);
}

void RunRow(unsigned index, const fuzz_row &row, const Options &options, std::mt19937_64 &rng,
            std::unique_ptr<Vixl> &vixl, Totals &totals)
{
    unsigned long wrong = 0, ran = 0;
    const bool known = options.known.count(row.name) != 0;
    for (unsigned fill = 0, tries = 0; fill < options.fills && tries < 100 * options.fills;
         tries++) {
        const uint32_t word = (static_cast<uint32_t>(rng()) & ~row.mask) | row.value;
        if (!fuzz_decodes_to(word, index))
            continue;
        fill++;
        for (unsigned k = 0; k < options.states; k++) {
            const fuzz_state before = RandomState(rng, vixl->pc());
            fuzz_state theirs = before, ours = before;
            if (!vixl->Run(word, &theirs)) {
                totals.aborted++;
                vixl = std::make_unique<Vixl>();
                break;
            }
            ran++;
            if (fuzz_run(word, &ours) && Equal(theirs, ours))
                continue;
            if (wrong++ >= options.show || known)
                continue;
            char text[160];
            fuzz_disassemble(word, before.pc, text, sizeof(text));
            printf("%s: %08x %s\n", row.name, word, text);
            ShowDifference(before, theirs, ours);
        }
    }
    if (ran && options.rows_file)
        fprintf(options.rows_file, "vixl %s %lu\n", row.name, ran);
    if (ran && ran < options.least) {
        printf("%s: only %lu cases\n", row.name, ran);
        totals.scarce++;
    }
    totals.rows++;
    totals.without += !ran;
    totals.cases += ran;
    totals.known_rows += wrong && known;
    totals.wrong_rows += wrong && !known;
    totals.wrong += known ? 0 : wrong;
}

Options Parse(int argc, char **argv)
{
    Options options;
    for (int k = 1; k + 1 < argc; k += 2) {
        const std::string name = argv[k], value = argv[k + 1];
        if (name == "--row")
            options.rows.insert(value);
        else if (name == "--group")
            options.groups.insert(value);
        else if (name == "--fills")
            options.fills = static_cast<unsigned>(std::stoul(value));
        else if (name == "--states")
            options.states = static_cast<unsigned>(std::stoul(value));
        else if (name == "--seed")
            options.seed = static_cast<unsigned>(std::stoul(value));
        else if (name == "--show")
            options.show = static_cast<unsigned>(std::stoul(value));
        else if (name == "--least")
            options.least = std::stoul(value);
        else if (name == "--known") {
            std::ifstream file(value);
            for (std::string line; std::getline(file, line);)
                if (!line.empty() && line[0] != '#')
                    options.known.insert(line);
        }
    }
    return options;
}

} // namespace

int main(int argc, char **argv)
{
    Options options = Parse(argc, argv);
    if (getenv("POMONA_ROWS"))
        options.rows_file = fopen(getenv("POMONA_ROWS"), "a");
    std::mt19937_64 rng(options.seed);
    Totals totals;
    if (!freopen("/dev/null", "w", stderr)) // VIXL says there what it is about to abort at
        return 2;
    signal(SIGABRT, on_abort);
    auto vixl = std::make_unique<Vixl>();
    const bool all = options.rows.empty() && options.groups.empty();
    for (unsigned k = 0; k < fuzz_row_count(); k++) {
        const fuzz_row row = fuzz_row_at(k);
        if (row.runs && (all || options.rows.count(row.name) || options.groups.count(row.group)))
            RunRow(k, row, options, rng, vixl, totals);
    }
    printf("VIXL, seed %u: %u rows, %lu cases, %lu differ in %u rows, %u rows differ as known, %u "
           "rows are not in VIXL "
           "(%lu words)\n",
           options.seed, totals.rows, totals.cases, totals.wrong, totals.wrong_rows,
           totals.known_rows, totals.without, totals.aborted);
    if (options.rows_file)
        fclose(options.rows_file);
    return totals.wrong || totals.scarce || !totals.cases ? 1 : 0;
}
