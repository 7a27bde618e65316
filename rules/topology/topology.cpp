#include "rules/topology/topology.h"

namespace portcullis::topology {

std::string_view to_string(Release release) {
    return release == Release::lync_2010 ? "lync-2010" : "lync-2013";
}

std::string_view to_string(PoolRole role) {
    switch (role) {
        case PoolRole::director:
            return "director";
        case PoolRole::front_end:
            return "front-end";
        case PoolRole::mediation:
            return "mediation";
        case PoolRole::office_web_apps:
            return "office-web-apps";
        case PoolRole::persistent_chat:
            return "persistent-chat";
    }
    return "";
}

}  // namespace portcullis::topology
