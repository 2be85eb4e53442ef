// SPDX-License-Identifier: BSL-1.0
// Every call of the table, by function and by message to the kernel port: the same codes, the same results,
// the same spaces afterwards.
#include "stage.hpp"

#include <set>

namespace umach::tests {
namespace {

class EveryCall : public testing::TestWithParam<Scene> {};

TEST_P(EveryCall, DoesTheSameByFunctionAndByMessage) {
    const std::string by_function = played(GetParam(), Way::function);
    const std::string by_message = played(GetParam(), Way::message);
    EXPECT_EQ(by_function, by_message);
    EXPECT_NE(by_message.find("it ended well"), std::string::npos) << by_message;
    EXPECT_EQ(by_message.find("violation"), std::string::npos) << by_message;
    EXPECT_NE(by_message.find(std::string(GetParam().call) + ": "), std::string::npos) << by_message;
}

std::string name_of(const testing::TestParamInfo<Scene>& scene) {
    return std::string(scene.param.call) + "_" + scene.param.outcome;
}

INSTANTIATE_TEST_SUITE_P(Scenes, EveryCall, testing::ValuesIn(all_scenes()), name_of);

TEST(Table, HasASceneForEachCallAndNoIdOrNameTwice) {
    std::set<std::string> played_calls;
    for (const Scene& scene : all_scenes()) played_calls.insert(scene.call);
    std::set<int> ids;
    std::set<std::string> names;
    for (const Calls* table : tables()) {
        for (const Call& call : *table) {
            EXPECT_TRUE(played_calls.count(call.name)) << call.name << " is sent by no scene";
            EXPECT_TRUE(ids.insert(call.id).second) << call.id;
            EXPECT_TRUE(names.insert(call.name).second) << call.name;
            EXPECT_EQ(call_of_id(call.id), &call);
            EXPECT_EQ(call_of_server(call.serve), &call);
        }
    }
    EXPECT_EQ(names.size(), played_calls.size());
    EXPECT_EQ(call_of_id(0), nullptr);
}

}  // namespace
}  // namespace umach::tests
