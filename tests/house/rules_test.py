# SPDX-License-Identifier: BSL-1.0
"""The house rules are themselves checked: each is shown text that breaks it and text that keeps it."""
import unittest

import documents
import exports
import floors
import lines
import pages
import sizes
import tree
import words


def function(lines, head='int f() {'):
    return '\n'.join([head] + ['    g();'] * (lines - 2) + ['}', ''])


class Text(unittest.TestCase):
    def test_comments_and_literals_are_blanked_and_lines_stay(self):
        self.assertEqual(tree.bare('a "x{" /* {\n */ b // {\nc'), 'a    \n b  \nc')

    def test_a_digit_separator_is_no_literal(self):
        self.assertEqual(tree.bare("1'000 { 2'000 }"), "1'000 { 2'000 }")


class Floors(unittest.TestCase):
    def broken(self, path, text):
        return bool(floors.broken_in(path, text))

    def test_a_floor_includes_what_is_below(self):
        self.assertFalse(self.broken('ports/a.cpp', '#include "runtime/lock.hpp"\n#include <mach/port.h>'))
        self.assertFalse(self.broken('tasks/a.cpp', '#include "ports/port.hpp"'))

    def test_a_floor_that_includes_what_is_above_is_found(self):
        self.assertTrue(self.broken('runtime/a.cpp', '#include "ports/port.hpp"'))
        self.assertTrue(self.broken('ports/a.cpp', '#include "tasks/host.hpp"'))

    def test_a_tenant_that_includes_a_private_header_is_found(self):
        self.assertTrue(self.broken('tools/a.cpp', '#include "ports/port.hpp"'))
        self.assertFalse(self.broken('tools/a.cpp', '#include "tools/table.hpp"\n#include <umach/host.hpp>'))

    def test_an_include_in_a_comment_is_none(self):
        self.assertFalse(self.broken('runtime/a.cpp', '// #include "ports/port.hpp"'))

    def test_a_library_outside_its_place_is_found(self):
        self.assertTrue(self.broken('ports/a.cpp', '#include <boost/interprocess/mapped_region.hpp>'))
        self.assertFalse(self.broken('runtime/segment/a.cpp', '#include <boost/interprocess/mapped_region.hpp>'))
        self.assertFalse(self.broken('bench/peers/a.cpp', '#include <boost/context/fiber.hpp>'))
        self.assertTrue(self.broken('tools/a.cpp', '#include <boost/context/fiber.hpp>'))

    def test_sockets_and_threads_in_ports_are_found(self):
        self.assertTrue(self.broken('ports/a.cpp', '#include <sys/socket.h>'))
        self.assertTrue(self.broken('ports/a.cpp', 'std::thread t(f);'))

    def test_a_futex_call_outside_its_place_is_found(self):
        self.assertTrue(self.broken('tasks/a.cpp', 'syscall(SYS_futex, &word);'))
        self.assertFalse(self.broken('runtime/wait.cpp', 'syscall(SYS_futex, &word);'))

    def test_cplusplus_in_a_c_header_is_found(self):
        self.assertTrue(self.broken('include/mach/a.h', '#include <vector>'))
        self.assertTrue(self.broken('include/mach/a.h', '#include <umach/right.hpp>'))

    def test_a_word_of_the_kernel_in_runtime_is_found(self):
        self.assertTrue(self.broken('runtime/a.cpp', 'int port_count;'))
        self.assertTrue(self.broken('runtime/a.cpp', 'struct TaskRecord;'))
        self.assertFalse(self.broken('runtime/a.cpp', 'int transport, bright; // a port'))


class Sizes(unittest.TestCase):
    def test_a_body_of_sixty_lines_is_kept_and_one_of_sixty_one_is_found(self):
        self.assertEqual(sizes.broken_in('a.cpp', function(60)), [])
        self.assertEqual(sizes.broken_in('a.cpp', function(61)), ['a.cpp:1: a body of 61 lines'])

    def test_a_long_namespace_or_type_is_no_body(self):
        short = function(3) * 25
        self.assertEqual(sizes.broken_in('a.cpp', 'namespace a {\n' + short + '}\n'), [])
        self.assertEqual(sizes.broken_in('a.cpp', 'class MACRO(x("y")) A final : public B<f()> {\npublic:\n' + short + '};\n'), [])

    def test_a_long_member_function_is_found(self):
        text = 'struct A {\n' + function(61, 'auto f(int x) const noexcept -> int {') + '};\n'
        self.assertEqual(sizes.broken_in('a.cpp', text), ['a.cpp:2: a body of 61 lines'])

    def test_a_function_that_returns_a_struct_is_a_body(self):
        self.assertEqual(len(sizes.broken_in('a.cpp', function(61, 'struct stat f(int x) {'))), 1)

    def test_a_constructor_with_braces_in_its_list_is_found(self):
        self.assertEqual(len(sizes.broken_in('a.cpp', function(61, 'A::A() : a_{1}, b_(2) {'))), 1)

    def test_a_long_table_is_no_body(self):
        self.assertEqual(sizes.broken_in('a.cpp', function(61, 'constexpr Row table[] = {')), [])

    def test_a_file_over_its_limit_is_found(self):
        self.assertEqual(len(sizes.broken_in('a.cpp', '\n' * 401)), 1)
        self.assertEqual(sizes.broken_in('a.cpp', '\n' * 400), [])


class Words(unittest.TestCase):
    head = '// SPDX-License-Identifier: BSL-1.0\n'

    def test_a_file_without_its_licence_is_found(self):
        self.assertEqual(len(words.broken_in('a.cpp', 'int a;\n')), 1)

    def test_an_unfinished_file_is_found(self):
        self.assertEqual(len(words.broken_in('a.cpp', self.head + '// TO' + 'DO: more\n')), 1)
        self.assertEqual(words.broken_in('a.cpp', self.head + '// known from before\n'), [])

    def test_a_test_that_sleeps_is_found(self):
        self.assertEqual(len(words.broken_in('tests/a.cpp', self.head + 'std::this_thread::sleep_for(1s);\n')), 1)
        self.assertEqual(words.broken_in('tests/a.cpp', self.head + '// no sleep_for here\n'), [])


class Exports(unittest.TestCase):
    def test_declarations_are_read_over_lines_and_comments_are_not(self):
        text = '/* UMACH_EXPORT int no(void); */\nUMACH_EXPORT const char* a(int b,\n    int c);\n#define UMACH_EXPORT __x((y))\n'
        self.assertEqual(exports.declared(text), {'a'})


class Lines(unittest.TestCase):
    row = '| `ports` | what stands there | 1,000 |\n'

    def test_a_number_within_a_tenth_is_kept_and_one_beyond_is_found(self):
        self.assertEqual(lines.broken_in(self.row, {'ports': 1100}), [])
        self.assertEqual(len(lines.broken_in(self.row, {'ports': 1200})), 1)

    def test_a_floor_that_is_not_spoken_of_is_found(self):
        self.assertEqual(len(lines.broken_in('', {'ports': 1})), 1)

    def test_numbers_are_brought_up_to_date(self):
        self.assertEqual(lines.rewritten(self.row, {'ports': 1234}), '| `ports` | what stands there | 1,234 |\n')

    def test_comments_and_blank_lines_are_no_code(self):
        self.assertEqual(lines.code_lines('a.cpp', '// a\n\nint a;  /* b\n c */\n'), 1)


class Documents(unittest.TestCase):
    def test_a_link_that_leads_nowhere_is_found(self):
        self.assertEqual(len(list(documents.broken_links('/', 'a.md', '[a](no/such/file.md)'))), 1)

    def test_a_long_page_of_a_noun_is_found_and_a_longer_story_is_kept(self):
        self.assertEqual(len(list(documents.broken_text('docs/port.md', 'a\n' * 81))), 1)
        self.assertEqual(list(documents.broken_text('docs/failure.md', 'a\n' * 81)), [])

    def test_a_foreign_word_is_found(self):
        self.assertEqual(len(list(documents.broken_text('docs/port.md', 'the bro' 'ker\n'))), 1)


class Pages(unittest.TestCase):
    def test_a_page_without_a_section_is_found(self):
        page = ''.join(f'\n.Sh {title}\n' for title in pages.SECTIONS)
        self.assertEqual(pages.missing_in(page, 'a'), [])
        self.assertEqual(len(pages.missing_in(page.replace('.Sh SOURCE', ''), 'a')), 1)

    def test_a_command_that_the_page_does_not_name_is_found(self):
        source = 'app.add_subcommand("list", "Names hosts")'
        self.assertEqual(pages.unnamed_commands('.It Cm list\n', [source]), [])
        self.assertEqual(len(pages.unnamed_commands('.It Cm listed\n', [source])), 1)


if __name__ == '__main__':
    unittest.main()
