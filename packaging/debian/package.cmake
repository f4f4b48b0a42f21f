# The Debian package `weir`, by CPack; scripts/deb calls it.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME weir)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(WEIR_MAINTAINER "The Weir authors <weir@localhost>" CACHE STRING "Maintainer of the Debian package")
set(CPACK_PACKAGE_CONTACT ${WEIR_MAINTAINER})
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "MeshCore packets from MQTT brokers, kept and served")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
"Weir takes the packets of a MeshCore mesh (LoRa radios) off MQTT brokers,
never loses one silently, and keeps them in one SQLite file. A second program
serves the mesh's state over HTTP: a page, an API, a live feed, health probes
and metrics. Both run for years unattended on a small machine.")
set(WEIR_DEBIAN_ARCH "" CACHE STRING "Architecture of the package; empty = this machine's (scripts/cross sets it)")
if(WEIR_DEBIAN_ARCH)
    set(CPACK_DEBIAN_PACKAGE_ARCHITECTURE ${WEIR_DEBIAN_ARCH})
endif()
# The users are made by systemd-sysusers; a machine without systemd gets it and tmpfiles alone.
set(CPACK_WEIR_DEPENDS "systemd-standalone-sysusers | systemd-sysusers, systemd-standalone-tmpfiles | systemd-tmpfiles")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "ca-certificates")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "mosquitto, nginx | haproxy | caddy")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA "${CMAKE_CURRENT_LIST_DIR}/preinst;${CMAKE_CURRENT_LIST_DIR}/postinst"
    "${CMAKE_CURRENT_LIST_DIR}/prerm;${CMAKE_CURRENT_LIST_DIR}/postrm;${CMAKE_CURRENT_LIST_DIR}/conffiles")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_SET_DESTDIR ON) # the configuration lies outside of the prefix
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
# What stage.cmake needs, and CPACK_WEIR_DEPENDS.
set(CPACK_WEIR_SOURCE_DIR ${CMAKE_SOURCE_DIR})
set(CPACK_WEIR_PYTHON ${Python3_EXECUTABLE})
set(CPACK_WEIR_SYSROOT ${CMAKE_SYSROOT})
set(CPACK_WEIR_TRIPLET ${CMAKE_LIBRARY_ARCHITECTURE})
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_CURRENT_LIST_DIR}/stage.cmake)
include(CPack)
